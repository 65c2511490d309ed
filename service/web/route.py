"""Route: one row of the route table, with all that other modules need to know; and the components its handler works with.

A route is found by the path that the server received. Nothing in it is decoded, merged or removed: a path that differs from a
route's in any character is another one. gunicorn's hooks compare the same text, so all parts of the service agree on a route.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry

from service.auth.token_store import TokenStore
from service.config import Settings
from service.decisions.decision_log import DecisionLog
from service.decisions.outcome_log import OutcomeLog
from service.scoring.service import ScoringService
from service.serving.active_models import Serving
from service.serving.drain_file import DrainFile
from service.web.concurrency_limit import ConcurrencyLimit
from service.web.path import path_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ROUTES_KEY = "delivery_risk.routes"
"""In the environ: what RouteTable.at gives for the request's path."""

ANY_NAME = "<path:name>"
"""As a step of a route's path, it is any name."""

_NAME = re.compile(r"<(?:path:)?([a-z]+)>")
_PROTOCOL = re.compile(r"/v[0-9](?=/|$)")
_DIGITS = re.compile(r"[0-9]{1,18}")
_NAMED_PATHS = 512
"""So many paths with names are remembered with their routes."""


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of one service. `token_store` is None where authentication is off, the logs are where none is kept."""

    settings: Settings
    serving: Serving
    scoring: ScoringService
    concurrency_limit: ConcurrencyLimit
    registry: CollectorRegistry
    token_store: TokenStore | None
    drain_file: DrainFile
    decision_log: DecisionLog | None
    outcome_log: OutcomeLog | None
    routes: "Sequence[Route]"


class Answer(NamedTuple):
    """The content of a success, with its headers but for its length."""

    content: bytes
    headers: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A path with the method and the handler that answer it. Flask calls the handler with the components and the request.

    A token needs the `scope` to call it; with None no token is needed. Requests of a `scoring` route carry a batch of orders
    and are counted as scoring requests. A route that may be answered `at_once` waits for nothing and takes about two
    milliseconds, or raises NotAtOnce. `direct` answers without Flask, with what `handler` answers. `tag` is its group in the
    document, `answer` gives the schema of a success by media type, and `body` that of a body which is no batch. `problems` are
    the statuses that this route adds to those of every route. A route without a summary is not documented.

    A path may have names, as in `/v2/models/<model>`: each is any text without a slash and a colon, but for ANY_NAME, which
    may have a colon.
    """

    method: str
    path: str
    handler: Callable[..., ResponseReturnValue]
    scope: str | None = "read"
    traced: bool = True
    scoring: bool = False
    at_once: bool = False
    direct: "Callable[[Components, WSGIEnvironment], Answer] | None" = None
    summary: str = ""
    tag: str = "operations"
    answer: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[int, ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are answered at the path: OPTIONS too, and HEAD where there is a GET."""
        return (self.method, "OPTIONS", *(("HEAD",) if self.method == "GET" else ()))


class RouteTable:
    """Finds routes by their paths."""

    def __init__(self, routes: "Sequence[Route]") -> None:
        self._by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._by_path.setdefault(route.path, {}).update(dict.fromkeys(route.methods, route))
        self._named = [(_pattern(path), found) for path, found in self._by_path.items() if _NAME.search(path)]
        self._by_names = lru_cache(_NAMED_PATHS)(self._find)

    def at(self, path: str) -> Mapping[str, Route]:
        """The routes of a path by method; none where the path does not exist."""
        return self._by_path.get(path) or self._by_names(path)

    def _find(self, path: str) -> Mapping[str, Route]:
        return next((routes for pattern, routes in self._named if pattern.fullmatch(path)), {})

    def advice(self, path: str) -> str:
        """Which path of the table is meant by one that does not exist: the one it resembles, or all that are documented."""
        family = _family(path)
        documented = [
            template(path)
            for path, routes in self._by_path.items()
            if any(route.summary for route in routes.values()) and _family(path) == family
        ]
        plain = "/" + "/".join(filter(None, unquote(path).lower().split("/")))
        return (
            f"Use {plain}: a path is compared as it was sent."
            if plain in documented
            else f"The paths are {', '.join(documented)}."
        )


def _family(path: str) -> str:
    """The beginning of a path that names a version of a protocol; empty for all other paths."""
    found = _PROTOCOL.match(path)
    return "" if found is None else found[0]


@lru_cache(maxsize=64)
def _pattern(path: str) -> re.Pattern[str]:
    """What matches the paths of a template, with a group for each name."""
    literals = _NAME.split(path)
    names = ("[^/]+" if path == ANY_NAME else f"(?P<{name}>[^/:]+)" for path, name in _names(path))
    return re.compile("".join(chain.from_iterable(zip_longest(map(re.escape, literals[::2]), names, fillvalue=""))))


def _names(path: str) -> list[tuple[str, str]]:
    return [(found[0], found[1]) for found in _NAME.finditer(path)]


def template(path: str) -> str:
    """The path of a route as OpenAPI writes it."""
    return _NAME.sub(r"{\1}", path)


def parameters_of(path: str) -> list[str]:
    """The names in the path of a route."""
    return [name for _, name in _names(path)]


def names_in(environ: "WSGIEnvironment") -> dict[str, str]:
    """The names in the path of a request, as its route has them, decoded."""
    route: Route = environ[ROUTES_KEY][environ["REQUEST_METHOD"]]
    found = _pattern(route.path).fullmatch(path_of(environ))
    return {} if found is None else {name: unquote(text) for name, text in found.groupdict().items()}


def json_length(environ: "WSGIEnvironment") -> int | None:
    """How many bytes of an infer request are JSON, before its binary tensors; None where all are. Raises ValueError."""
    given = environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH")
    if given is None:
        return None
    if not _DIGITS.fullmatch(given):
        raise ValueError("expected a number of bytes")
    return int(given)
