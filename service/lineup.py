"""Lineup: the model that answers, and the one that is tried beside it. A request takes the lineup once, so no answer mixes two.

The stage holds the one reference that a reload swaps, and tells the roster of it.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from model.pointer import Pointer
from model.risk import RiskModel
from schemas.contract import Contract
from schemas.formats import Doors
from service.roster import REASON, Entry, Roster, State, Version


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A model, and the doors that orders for it come through."""

    model: RiskModel
    doors: Doors


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """The `champion` answers; a `challenger` takes the same features and is seen in metrics only. `states` tell of both."""

    champion: Served
    challenger: RiskModel | None
    states: Mapping[str, State]


class Stage:
    """What this worker serves: `lineup`, to be read once a request.

    `latest` is the state of the worker that was the last to change its champion, as it stood when this one came.
    """

    def __init__(self, model: RiskModel, max_orders: int) -> None:
        self._max_orders = max_orders
        self.roster = Roster()
        states = {"champion": State(_version(model, None), since=time.time()), "challenger": State()}
        self.lineup = Lineup(self._served(model), None, states)
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Tell of this worker under its slot from now on. To be called in a new worker."""
        others = [entry.states["champion"] for entry in self.roster.entries()]
        self.latest = max(others, key=lambda state: state.since, default=self.lineup.states["champion"])
        self._slot = slot
        self._swap(self.lineup)

    def champion(self, model: RiskModel, wanted: Pointer) -> None:
        """Let this model answer from the next request on; a challenger of other features leaves."""
        challenger, states = self.lineup.challenger, dict(self.lineup.states)
        if challenger is not None and challenger.manifest.feature_names != model.manifest.feature_names:
            challenger = None
            states["challenger"] = replace(states["challenger"], served=None)
        states["champion"] = self._state("champion", _version(model, wanted), wanted)
        self._swap(Lineup(self._served(model), challenger, states))

    def challenger(self, model: RiskModel | None, wanted: Pointer | None) -> None:
        """Try this model beside the champion from the next request on, or none."""
        state = self._state("challenger", None if model is None else _version(model, wanted), wanted)
        self._swap(Lineup(self.lineup.champion, model, {**self.lineup.states, "challenger": state}))

    def failed(self, role: str, wanted: Pointer | None, reason: str) -> None:
        """Tell that this role's model could not be changed to what is wanted, and why."""
        state = replace(self.lineup.states[role], wanted=wanted, reason=reason[:REASON])
        self._swap(replace(self.lineup, states={**self.lineup.states, role: state}))

    def _state(self, role: str, served: Version | None, wanted: Pointer | None) -> State:
        """The state of a role in which nothing is wrong; where it serves what it did, nothing has changed since then."""
        before = self.lineup.states[role]
        return State(served, wanted, since=before.since if served == before.served else time.time())

    def _swap(self, lineup: Lineup) -> None:
        self.lineup = lineup
        self.roster.write(self._slot, Entry(lineup.states))

    def _served(self, model: RiskModel) -> Served:
        return Served(model, Doors(Contract(model.manifest.feature_names, self._max_orders)))


def _version(model: RiskModel, at: Pointer | None) -> Version:
    return Version(model.manifest.name, model.manifest.version, str(model.sha256), "" if at is None else at.file)
