"""/ui/model: the model that is served, what it takes, how it has scored, and the versions it is one of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Response

from model.core.risk_model import RiskModel
from service.offline.evaluation.written_report import NoReport, WrittenReport
from service.serving.worker_state import RoleState
from service.ui.described_inputs import described_inputs
from service.ui.handlers.report import written_report
from service.ui.live_scores import FEW, live_scores
from service.ui.shown_registry import NoRegistry, ShownRegistry, is_served, shown_registry
from service.ui.visit import Visit

_POLICIES = {
    "review": "They go to review.",
    "flag": "They are marked, and their score decides where they go.",
    "refuse": "They are rejected.",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the network: its `units`, and their activation."""

    units: int
    activation: str


def model(visit: Visit) -> Response:
    """The page. Raises Problem 503."""
    visit.components.concurrency_limit.permit(visit.request.environ)
    components, active = visit.components, visit.active
    served = active.champion.model
    registry: ShownRegistry | None = None
    report: WrittenReport | None = None
    no_registry = no_report = None
    try:
        registry = shown_registry(visit) if is_served(visit) else None
    except NoRegistry as error:
        no_registry = str(error)
    try:
        report = written_report(visit)
    except NoReport as error:
        no_report = str(error)
    return visit.page(
        "model.html",
        model=served,
        champion=active.states["champion"],
        challenger=active.states["challenger"],
        others=_others(visit, active.states["champion"]),
        layers=_layers(served),
        policy=_POLICIES[components.settings.out_of_range],
        holdout=components.settings.holdout,
        inputs=described_inputs(served),
        live=live_scores(components, served.manifest),
        few=FEW,
        registry=registry,
        no_registry=no_registry,
        report=report,
        no_report=no_report,
    )


def _layers(model: RiskModel) -> Sequence[Layer]:
    return [Layer(*each) for each in zip(model.network.sizes[1:], model.manifest.activations, strict=True)]


def _others(visit: Visit, shown: RoleState) -> Sequence[tuple[str, int]]:
    """The other versions that workers serve now, and how many do: while workers change their model, or where one cannot."""
    workers = [worker.states["champion"].served for worker in visit.components.serving.worker_states.all() if worker.lives]
    counts = Counter(each.version for each in workers if each is not None and each != shown.served)
    return sorted(counts.items())
