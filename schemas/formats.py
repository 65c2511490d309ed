"""Formats: every way in and out, a row each. HTTP takes FORMATS by media type, the command line FILES by ending.

A JSON body is read twice only where something is wrong with it. The first reader takes just the names and types that are
right, and cannot tell a name that stood twice in an object; counting colons can. Every name is required and no other is
allowed, so a body of a given shape has a known number of colons outside its strings, and without a backslash those inside
strings are those of the order ids. One more means a name given twice. Whatever fails on the way goes to the second reader,
which tells what, and where.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import numpy as np
from marshmallow import Schema, ValidationError

from model.risk import RiskModel, Scores
from schemas import columns, document, lines, records, table
from schemas.contract import Contract, Decoded, too_many_names
from schemas.problem import Fault, Place


class Encode(Protocol):
    """Makes the answer, which tells the model and the policy; a partial one the faults of the other orders too."""

    def __call__(self, model: RiskModel, decoded: Decoded, scores: Scores, policy: str, *, partial: bool) -> bytes: ...


class MakeSchema(Protocol):
    """Makes the schema of a shape."""

    def __call__(self, contract: Contract, *, whole: bool) -> Schema: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape of JSON: its schema, a fast reader for it, and the number of its colons by those of orders and features."""

    schema: MakeSchema
    reader: Callable[[Contract], Callable[[bytes], dict[str, Any]]]
    colons: Callable[[int, int], int]


@dataclass(frozen=True, slots=True)
class Format:
    """One way in and out: its media type, how an answer is written, where a fault's place is, and its shape if it is JSON."""

    media_type: str
    encode: Encode
    place: Place
    shape: Shape | None = None


JSON = "application/json"
CSV = "text/csv"
FORMATS: Final = {
    "records": Format(JSON, records.encode, records.place, Shape(records.schema, records.reader, records.colons)),
    "columns": Format(JSON, columns.encode, columns.place, Shape(columns.schema, columns.reader, columns.colons)),
    "table": Format(CSV, table.encode, table.place),
}
MEDIA_TYPES: Final = tuple(dict.fromkeys(form.media_type for form in FORMATS.values()))


class Doors:
    """The formats, ready for one model's contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._shapes = {name: form.shape for name, form in FORMATS.items() if form.shape is not None}
        self.schemas = {name: shape.schema(contract, whole=False) for name, shape in self._shapes.items()}
        self._whole = {name: shape.schema(contract, whole=True) for name, shape in self._shapes.items()}
        self._readers = {name: shape.reader(contract) for name, shape in self._shapes.items()}

    def decode(self, media_type: str, body: bytes) -> tuple[Format, Decoded]:
        """The orders in a body of one of the MEDIA_TYPES, and its format. Raises NotReadable."""
        if media_type == CSV:
            return FORMATS["table"], table.decode(self.contract, body)
        try:
            name = "columns" if any(mark in body[:_EARLY] for mark in _COLUMNS) else "records"
            decoded: Decoded | None = self._whole[name].load(self._readers[name](body))["decoded"]
            if decoded is not None and self._names_once(self._shapes[name], body, decoded):
                return FORMATS[name], decoded
        except (ValueError, ValidationError):
            pass
        found = document.read(body)
        name = _shape(found)
        return FORMATS[name], self._explain(self.schemas[name], found)

    def _names_once(self, shape: Shape, body: bytes, decoded: Decoded) -> bool:
        if b"\\" in body:
            return False
        outside = shape.colons(len(decoded.batch), len(self.contract.features))
        inside = "".join(decoded.batch.ids).count(":")
        return bool(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON) == outside + inside)

    def _explain(self, schema: Schema, found: Any) -> Decoded:
        """Every fault of a decoded body, and its sound orders."""
        if too_many_names(found, len(schema.fields)):
            return self.contract.refused(_received(found), Fault("too_many_names"))
        if isinstance(found, dict) and too_many_names(found.get("columns"), len(self.contract.features)):
            return self.contract.refused(_received(found), Fault("too_many_names", path=("columns",)))
        faults = list(_repeated(found))
        try:
            decoded: Decoded = schema.load(found)["decoded"]
        except ValidationError as error:
            decoded = cast(dict[str, Any], error.valid_data).get("decoded") or self.contract.refused(_received(found))
            faults += _faults(error.messages_dict, self.contract.max_orders)
        return decoded.joined(faults) if faults else decoded


_COLON = ord(":")
_EARLY, _COLUMNS = 64, (b'"order_ids"', b'"columns"')


def _shape(found: Any) -> str:
    return "columns" if isinstance(found, dict) and not found.keys().isdisjoint(("columns", "order_ids")) else "records"


def _received(found: Any) -> int:
    """How many orders a body holds, as far as it has a list of them."""
    lists = [found.get("orders"), found.get("order_ids")] if isinstance(found, dict) else []
    return sum(len(each) for each in lists if isinstance(each, list))


def _repeated(found: Any) -> Iterator[Fault]:
    for name in getattr(found, "repeated", ()):
        yield Fault("duplicate_key", path=(name,))
    if isinstance(found, dict):
        for name in getattr(found.get("columns"), "repeated", ()):
            yield Fault("duplicate_key", path=("columns", name))


def _faults(messages: dict[str, Any], most: int, path: tuple[str, ...] = ()) -> Iterator[Fault]:
    for name, found in messages.items():
        if isinstance(found, dict):
            yield from _faults(found, most, (*path, name))
            continue
        for code in found:
            place = path if code == "not_an_object" else (*path, name)
            yield Fault(code, path=place, most=most if code == "too_many_orders" else None)


@dataclass(frozen=True, slots=True)
class File:
    """A file of orders, read and written line by line."""

    reader: type[table.Reader] | type[lines.Reader]
    writer: type[table.Writer] | type[lines.Writer]


FILES: Final = {"csv": File(table.Reader, table.Writer), "jsonl": File(lines.Reader, lines.Writer)}
