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
from service.serving.drain_file import DrainFile
from service.web.concurrency_limit import ConcurrencyLimit


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of one service. `token_store` is None where authentication is off."""

    settings: Settings
    serving: Serving
    scoring: ScoringService
    concurrency_limit: ConcurrencyLimit
    registry: CollectorRegistry
    token_store: TokenStore | None
    drain_file: DrainFile
    routes: "Sequence[Route]"


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A path with the method and the handler that answer it. Flask calls the handler with the components and the request.

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
