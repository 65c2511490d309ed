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

from model.core.risk_model import RiskModel, Scores
from schemas import strict_json
from schemas.faults import Fault, Locate
from schemas.files import csv, jsonl
from schemas.formats import json_columns, json_records
from schemas.validation import BatchValidator, DecodedBatch, too_many_names


class Encode(Protocol):
    """Makes the answer, which tells the model and the policy; a partial one the faults of the other orders too."""

    def __call__(self, model: RiskModel, decoded: DecodedBatch, scores: Scores, policy: str, *, partial: bool) -> bytes: ...


class MakeSchema(Protocol):
    """Makes the schema of a shape."""

    def __call__(self, validator: BatchValidator, *, whole: bool) -> Schema: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape of JSON: its schema, a fast reader for it, and the number of its colons by those of orders and features."""

    schema: MakeSchema
    reader: Callable[[BatchValidator], Callable[[bytes], dict[str, Any]]]
    colons: Callable[[int, int], int]


@dataclass(frozen=True, slots=True)
class Format:
    """One way in and out: its media type, how an answer is written, where a fault's place is, and its shape if it is JSON."""

    media_type: str
    encode: Encode
    place: Locate
    shape: Shape | None = None


JSON = "application/json"
CSV = "text/csv"
FORMATS: Final = {
    "records": Format(
        JSON, json_records.encode, json_records.place, Shape(json_records.schema, json_records.reader, json_records.colons)
    ),
    "columns": Format(
        JSON, json_columns.encode, json_columns.place, Shape(json_columns.schema, json_columns.reader, json_columns.colons)
    ),
    "table": Format(CSV, csv.encode, csv.place),
}
MEDIA_TYPES: Final = tuple(dict.fromkeys(form.media_type for form in FORMATS.values()))


class BatchDecoder:
    """The formats, ready for one model's contract."""

    def __init__(self, validator: BatchValidator) -> None:
        self.validator = validator
        self._shapes = {name: form.shape for name, form in FORMATS.items() if form.shape is not None}
        self.schemas = {name: shape.schema(validator, whole=False) for name, shape in self._shapes.items()}
        self._whole = {name: shape.schema(validator, whole=True) for name, shape in self._shapes.items()}
        self._readers = {name: shape.reader(validator) for name, shape in self._shapes.items()}

    def decode(self, media_type: str, body: bytes) -> tuple[Format, DecodedBatch]:
        """The orders in a body of one of the MEDIA_TYPES, and its format. Raises NotReadable."""
        if media_type == CSV:
            return FORMATS["table"], csv.decode(self.validator, body)
        try:
            name = "columns" if any(mark in body[:_EARLY] for mark in _COLUMNS) else "records"
            decoded: DecodedBatch | None = self._whole[name].load(self._readers[name](body))["decoded"]
            if decoded is not None and self._names_once(self._shapes[name], body, decoded):
                return FORMATS[name], decoded
        except (ValueError, ValidationError):
            pass
        found = strict_json.read(body)
        name = _shape(found)
        return FORMATS[name], self._explain(self.schemas[name], found)

    def _names_once(self, shape: Shape, body: bytes, decoded: DecodedBatch) -> bool:
        if b"\\" in body:
            return False
        outside = shape.colons(len(decoded.batch), len(self.validator.features))
        inside = "".join(decoded.batch.ids).count(":")
        return bool(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON) == outside + inside)

    def _explain(self, schema: Schema, found: Any) -> DecodedBatch:
        """Every fault of a decoded body, and its sound orders."""
        if too_many_names(found, len(schema.fields)):
            return self.validator.refused(_received(found), Fault("too_many_names"))
        if isinstance(found, dict) and too_many_names(found.get("columns"), len(self.validator.features)):
            return self.validator.refused(_received(found), Fault("too_many_names", path=("columns",)))
        faults = list(_repeated(found))
        try:
            decoded: DecodedBatch = schema.load(found)["decoded"]
        except ValidationError as error:
            decoded = cast(dict[str, Any], error.valid_data).get("decoded") or self.validator.refused(_received(found))
            faults += _faults(error.messages_dict, self.validator.max_orders)
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

    reader: type[csv.Reader] | type[jsonl.Reader]
    writer: type[csv.Writer] | type[jsonl.Writer]


FILES: Final = {"csv": File(csv.Reader, csv.Writer), "jsonl": File(jsonl.Reader, jsonl.Writer)}
