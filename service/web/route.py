"""Route: one row of the route table, with all that other modules need to know; and the components its handler works with.

A route is found by the path that the server received. Nothing in it is decoded, merged or removed: a path that differs from a
route's in any character is another one. gunicorn's hooks compare the same text, so all parts of the service agree on a route.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from flask.typing import ResponseReturnValue
from gunicorn.util import split_request_uri
from prometheus_client import CollectorRegistry

from service.auth.token_store import TokenStore
from service.config import Settings
from service.decisions.decision_log import DecisionLog
from service.decisions.outcome_log import OutcomeLog
from service.scoring.service import ScoringService
from service.serving.active_models import Serving
from service.serving.drain_file import DrainFile
from service.web.concurrency_limit import ConcurrencyLimit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ROUTES_KEY = "delivery_risk.routes"
"""In the environ: what RouteTable.at gives for the request's path."""

ANY_NAME = "<path:name>"
"""As the last step of a route's path, it is any name."""


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
    and are counted as scoring requests. A route that may be answered `at_once` waits for nothing and takes about a millisecond,
    or raises NotAtOnce. `direct` answers without Flask, with what `handler` answers. `tag` is its group in the document,
    `answer` gives the schema of a success by media type, and `body` that of a body which is no batch. `problems` are the
    statuses that this route adds to those of every route. A route without a summary is not documented.
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

    def at(self, path: str) -> Mapping[str, Route]:
        """The routes of a path by method; none where the path does not exist."""
        return self._by_path.get(path) or self._by_any_name(*path.rpartition("/"))

    def _by_any_name(self, folder: str, slash: str, name: str) -> Mapping[str, Route]:
        return self._by_path.get(f"{folder}{slash}{ANY_NAME}", {}) if name else {}

    def advice(self, path: str) -> str:
        """Which path of the table is meant by one that does not exist: the one it resembles, or all that are documented."""
        documented = [path for path, routes in self._by_path.items() if any(route.summary for route in routes.values())]
        plain = "/" + "/".join(filter(None, unquote(path).lower().split("/")))
        return (
            f"Use {plain}: a path is compared as it was sent."
            if plain in documented
            else f"The paths are {', '.join(documented)}."
        )


def path_of(environ: "WSGIEnvironment") -> str:
    """The path of a request as the server received it."""
    uri = environ.get("RAW_URI")
    path: str = environ["PATH_INFO"] if uri is None else split_request_uri(uri).path
    return path
