"""Route: one row of the route table, with all that other modules need to know; and the components its handler works with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry

from service.auth.token_store import TokenStore
from service.config import Settings
from service.scoring.service import ScoringService
from service.serving.active_models import Serving
from service.web.concurrency_limit import ConcurrencyLimit
from service.web.request import Request


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of one service. `token_store` is None where authentication is off."""

    settings: Settings
    serving: Serving
    scoring: ScoringService
    concurrency_limit: ConcurrencyLimit
    registry: CollectorRegistry
    token_store: TokenStore | None
    routes: "Sequence[Route]"


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A path with the method and the handler that answer it.

    A token needs the `scope` to call it; with None no token is needed. Requests of a `scoring` route carry a batch of orders
    and are counted as scoring requests. `answer` gives the schema of a success by media type, `problems` the statuses that
    this route adds to those of every route. A route without a summary is not documented.
    """

    method: str
    path: str
    handler: Callable[..., ResponseReturnValue]
    scope: str | None = "read"
    traced: bool = True
    scoring: bool = False
    summary: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[int, ...] = ()

    @property
    def endpoint(self) -> str:
        """The name of the route in Flask."""
        return f"{self.method} {self.path}"

    def scope_of(self, method: str) -> str | None:
        """The scope that a request by this method needs; a method that Flask adds, such as OPTIONS, reads."""
        return "read" if self.scope is not None and method != self.method else self.scope

    def view(self, components: Components) -> Callable[..., ResponseReturnValue]:
        """The handler as Flask calls it."""

        def view(**path: str) -> ResponseReturnValue:
            return self.handler(components, Request.current(), **path)

        return view
