"""Components: what the handlers of the routes work with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from service.auth.token_store import TokenStore
from service.config import Settings
from service.scoring.service import ScoringService
from service.serving.active_models import Serving
from service.web.concurrency_limit import ConcurrencyLimit

if TYPE_CHECKING:
    from service.web.route import Route


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
