"""The protocol v1 of TensorFlow Serving and KServe: {"instances": […]}, an instance for each order.

An instance is a list with a value for each input, in the order of the model, or an object as in a body of records. Its order id
may be missing in all of them; the ids are the numbers of the rows then. Members beside `instances` are ignored.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from model.core.batch import Batch
from model.core.risk_model import RiskModel
from schemas import strict_json
from schemas.faults import Fault
from schemas.formats import json_records
from schemas.formats.bounds import Bounds
from schemas.formats.document import repeated
from schemas.generated_ids import generated_ids
from schemas.names import with_hints
from schemas.result import ScoredBatch, header
from schemas.validation import BatchValidator, DecodedBatch

NAME = "v1"
INSTANCES = "instances"
_WRAP = 'send {"instances": [[…], …]}'


class V1Decoder:
    """Decodes bodies of v1 for one model."""

    def __init__(self, validator: BatchValidator) -> None:
        self._validator = validator
        self._bounds = Bounds(validator.max_orders, validator.members, 1 + len(validator.also_accepts))
        self._names = [each.name for each in validator.inputs]
        self._known = ("order_id", *validator.names, *validator.also_accepts)
        self.schema: Any = {"type": "object", "required": [INSTANCES], "properties": {INSTANCES: {"type": "array"}}}

    def decode(self, content: bytes) -> DecodedBatch:
        """The valid orders of the body and all faults. Raises MalformedBody if it is not JSON."""
        if code := self._bounds.exceeded(content):
            limit = self._validator.max_orders if code == "too_many_orders" else None
            return self._rejected(0, Fault(code, limit=limit))
        parsed = strict_json.read(content)
        if not isinstance(parsed, dict):
            return self._rejected(0, Fault("not_an_object", hint=_WRAP))
        faults = list(repeated(parsed))
        instances = parsed.get(INSTANCES)
        if INSTANCES not in parsed:
            faults.append(Fault("missing", path=(INSTANCES,), hint=_WRAP))
        elif not isinstance(instances, list):
            faults.append(Fault("not_a_list", path=(INSTANCES,)))
        elif len(instances) > self._validator.max_orders:
            faults.append(Fault("too_many_orders", path=(INSTANCES,), limit=self._validator.max_orders))
        if faults or not isinstance(instances, list):
            return self._rejected(len(instances) if isinstance(instances, list) else 0, *faults)
        if not instances:
            batch = Batch([], np.empty((0, len(self._names))))
            return DecodedBatch(batch, (), (), 0, NAME, generated_ids=True)
        found = self._lists(instances) if isinstance(instances[0], list) else self._objects(instances)
        hinted = with_hints(
            found.faults, "unknown_name", lambda fault: (self._known, fault.name) if fault.name is not None else None
        )
        return replace(found, format=NAME, faults=hinted)

    def valid(self, content: bytes) -> None:
        """None: a thread answers all bodies of v1."""

    def example(self, model: RiskModel) -> dict[str, Any]:
        """A body with the first order of the model's self-test."""
        return {INSTANCES: json_records.example(model)["orders"]}

    def _lists(self, instances: list[Any]) -> DecodedBatch:
        width = len(self._names)
        wrong = [at for at, each in enumerate(instances) if not isinstance(each, list) or len(each) != width]
        if wrong:
            return self._rejected(len(instances), *_shapes(wrong, width))
        columns = [list(column) for column in zip(*instances, strict=True)]
        columns += [[None] * len(instances) for _ in self._validator.contexts]
        decoded = self._validator.decode_columns(generated_ids(len(instances)), columns)
        return decoded.with_generated_ids()

    def _objects(self, instances: list[Any]) -> DecodedBatch:
        objects = [each for each in instances if isinstance(each, dict)]
        if any("order_id" in each for each in objects):
            return self._validator.decode(instances)
        for at, each in enumerate(instances):
            if isinstance(each, dict):
                each["order_id"] = str(at)
        return self._validator.decode(instances).with_generated_ids()

    def _rejected(self, received: int, *faults: Fault) -> DecodedBatch:
        return replace(self._validator.rejected(received, *faults), format=NAME)


def _shapes(positions: list[int], width: int) -> Iterator[Fault]:
    return (Fault("wrong_shape", at, hint=f"expected a list of {width} values") for at in positions)


def locate(fault: Fault) -> tuple[str, ...]:
    """The steps to an order's fault."""
    return (INSTANCES, str(fault.position), *(() if fault.name is None else (fault.name,)))


def encode(scored: ScoredBatch) -> bytes:
    """The scores as predictions, and beside them which orders go to review, the model, and the explanations where asked for."""
    answer: dict[str, Any] = {
        "predictions": scored.scores.values,
        "review": scored.scores.review.tolist(),
        **header(scored),
        **({} if scored.explanations is None else {"explanations": scored.explanations.columns}),
    }
    return msgspec.json.encode(answer)
