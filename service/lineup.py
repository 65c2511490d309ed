"""Lineup: the model that answers, and the one that is tried beside it. A request takes the lineup once, so no answer mixes two.

The stage holds the one reference that a reload swaps, and tells the roster of it.
"""

import time
from dataclasses import dataclass, replace

from model.pointer import Pointer
from model.risk import RiskModel
from schemas.contract import Contract
from schemas.formats import Doors
from service.roster import Entry, Roster, State, Version

_REASON = 300


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A model, and the doors that orders for it come through."""

    model: RiskModel
    doors: Doors


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """The `champion` answers; a `challenger` takes the same features and is seen in metrics only."""

    champion: Served
    challenger: RiskModel | None = None


class Stage:
    """What this worker serves: `lineup`, to be read once a request, and the `states` that the others are told by role.

    `latest` is the state of the worker that was the last to change its champion, as it stood when this one came.
    """

    def __init__(self, model: RiskModel, max_orders: int) -> None:
        self._max_orders = max_orders
        self.roster = Roster()
        self.lineup = Lineup(self._served(model))
        self.states = {"champion": State(_version(model, None), since=time.time()), "challenger": State()}
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Tell of this worker under its slot from now on. To be called in a new worker."""
        others = [entry.states["champion"] for entry in self.roster.entries()]
        self.latest = max(others, key=lambda state: state.since, default=self.states["champion"])
        self._slot = slot
        self._tell()

    def champion(self, model: RiskModel, wanted: Pointer) -> None:
        """Let this model answer from the next request on; a challenger of other features leaves."""
        challenger = self.lineup.challenger
        if challenger is not None and challenger.manifest.feature_names != model.manifest.feature_names:
            challenger = None
            self.states["challenger"] = replace(self.states["challenger"], served=None)
        self.lineup = Lineup(self._served(model), challenger)
        self.states["champion"] = State(_version(model, wanted), wanted, since=time.time())
        self._tell()

    def challenger(self, model: RiskModel | None, wanted: Pointer | None) -> None:
        """Try this model beside the champion from the next request on, or none."""
        self.lineup = replace(self.lineup, challenger=model)
        self.states["challenger"] = State(None if model is None else _version(model, wanted), wanted, since=time.time())
        self._tell()

    def failed(self, role: str, wanted: Pointer | None, reason: str) -> None:
        """Tell that this role's model could not be changed to what is wanted, and why."""
        self.states[role] = replace(self.states[role], wanted=wanted, reason=reason[:_REASON])
        self._tell()

    def _served(self, model: RiskModel) -> Served:
        return Served(model, Doors(Contract(model.manifest.feature_names, self._max_orders)))

    def _tell(self) -> None:
        self.roster.write(self._slot, Entry.of_this_process(self.states))


def _version(model: RiskModel, at: Pointer | None) -> Version:
    return Version(model.manifest.name, model.manifest.version, str(model.sha256), "" if at is None else at.file)
