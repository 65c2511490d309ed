"""Active models: the champion that answers, and the challenger that is tried beside it, in this worker.

A request takes the active models once, so no answer mixes two versions. Serving holds the one reference that a reload swaps,
and writes the worker's state.
"""

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from model import packaged
from model.core.risk_model import RiskModel
from model.registry.references import VersionReference
from schemas.formats import arrow
from schemas.formats.bounds import count
from schemas.formats.table import BatchDecoder
from schemas.validation import BatchValidator
from service.serving.worker_state import REASON, RoleState, ServedVersion, WorkerState, WorkerStates

_log = logging.getLogger("delivery_risk.model")


_ORDER, _FEATURE, _INPUT, _PRODUCT = 2e-6, 5e-6, 3e-6, 2e-9
"""Seconds, rounded up, that a batch takes for each order, feature, input of a layer, and product for an order."""

_BINARY_ORDER, _ARROW_ORDER = 1e-7, 1e-6
"""The same for each order of binary numbers, and of an Arrow stream."""

_SHAPE = re.compile(rb'"shape"\s*:\s*\[\s*([0-9]{1,9})')


class ServedModel:
    """A model, and the decoder of batches for it."""

    def __init__(self, model: RiskModel, max_orders: int) -> None:
        self.model = model
        manifest = model.manifest
        validator = BatchValidator(manifest.inputs, max_orders, manifest.context_names, manifest.also_accepts)
        self.decoder = BatchDecoder(validator)
        inputs = model.network.sizes[:-1]
        self._members = 1 + len(model.manifest.inputs)
        self._of_batch = _FEATURE * inputs[0] + _INPUT * sum(inputs)
        self._of_products = _PRODUCT * model.network.parameter_count

    def seconds(self, content: bytes, json_length: int | None = None) -> float:
        """About how long it takes to decode, score and count the orders of a valid body.

        Between its ids and numbers a JSON body has a comma each, in records as in columns. Where so many bytes are JSON, binary
        tensors follow, and their shapes have the number of orders. That of an Arrow stream has its size.
        """
        if json_length is None and content.startswith(arrow.BEGINNING):
            orders, of_order = arrow.most_rows(content, self._members - 1), _ARROW_ORDER
        else:
            orders, of_order = count(content[:json_length], ",") // self._members, _ORDER
        if json_length is not None:
            head = content[:json_length]
            shapes = _SHAPE.findall(head) if b"\\" not in head else ()  # an escape may hide one
            orders = max(orders, *map(int, shapes)) if shapes else len(content) // self._members
            of_order = _ORDER if b"BYTES" in head or b'"data"' in head else _BINARY_ORDER
        return self._of_batch + (of_order + self._of_products) * (1 + orders)


@dataclass(frozen=True, slots=True, eq=False)
class ActiveModels:
    """The `champion` answers. A `challenger` takes the same inputs; only metrics show it. `states` describe both."""

    champion: ServedModel
    challenger: RiskModel | None
    states: Mapping[str, RoleState]


class Serving:
    """What this worker serves: `active`, which is to be read once for each request.

    `latest` is the champion's state in the worker that changed it last, as it was when this worker started.
    """

    def __init__(self, model: RiskModel, max_orders: int) -> None:
        self._max_orders = max_orders
        self.worker_states = WorkerStates()
        states = {"champion": RoleState(_version(model, None), since=time.time()), "challenger": RoleState()}
        self.active = ActiveModels(self._served(model), None, states)
        self.attach(0)

    def attach(self, slot: int) -> None:
        """Write this worker's state under its slot from now on. Call it in a new worker."""
        self.latest = self.worker_states.last_champion() or self.active.states["champion"]
        self._slot = slot
        self._swap(self.active)

    def warn_if_illustrative(self) -> None:
        """Log a warning if the packaged model, or one made of it, answers."""
        manifest = self.active.champion.model.manifest
        if manifest.illustrative:
            advice = "set DELIVERY_RISK_MODEL to a model of your own, or promote one"
            _log.warning(f"{packaged.WARNING}; {advice}", extra={"model_version": manifest.version})

    def set_champion(self, model: RiskModel, wanted: VersionReference) -> None:
        """Let this model answer from the next request on. A challenger that takes other inputs is removed."""
        challenger, states = self.active.challenger, dict(self.active.states)
        if challenger is not None and challenger.manifest.takes != model.manifest.takes:
            challenger = None
            states["challenger"] = replace(states["challenger"], served=None)
        states["champion"] = self._state("champion", _version(model, wanted), wanted)
        self._swap(ActiveModels(self._served(model), challenger, states))

    def set_challenger(self, model: RiskModel | None, wanted: VersionReference | None) -> None:
        """Try this model, or none, beside the champion from the next request on."""
        state = self._state("challenger", None if model is None else _version(model, wanted), wanted)
        self._swap(ActiveModels(self.active.champion, model, {**self.active.states, "challenger": state}))

    def set_failed(self, role: str, wanted: VersionReference | None, reason: str) -> None:
        """Record that this role's model could not be changed to what is wanted, and why."""
        state = replace(self.active.states[role], wanted=wanted, reason=reason[:REASON])
        self._swap(replace(self.active, states={**self.active.states, role: state}))

    def _state(self, role: str, served: ServedVersion | None, wanted: VersionReference | None) -> RoleState:
        """The state of a role after a change that succeeded. `since` stays where the role serves what it served before."""
        before = self.active.states[role]
        if served == before.served:
            return replace(before, wanted=wanted, reason=None)
        return RoleState(served, wanted, since=time.time(), change=self.worker_states.next_change())

    def _swap(self, active: ActiveModels) -> None:
        self.active = active
        self.worker_states.write(self._slot, WorkerState(active.states))

    def _served(self, model: RiskModel) -> ServedModel:
        return ServedModel(model, self._max_orders)


def _version(model: RiskModel, at: VersionReference | None) -> ServedVersion:
    return ServedVersion(model.manifest.name, model.manifest.version, str(model.sha256), "" if at is None else at.file)
