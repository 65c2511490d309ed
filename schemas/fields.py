"""Strict fields: they reject values that marshmallow's own fields would convert.

The error messages are codes of schemas.faults.CODES, so an error has its code from where it occurs.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import numpy as np
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from model.core.manifest import CATEGORY, CATEGORY_LENGTH, CONTEXT_LENGTH, REFUSE, Input

ORDER_ID_LENGTH = CONTEXT_LENGTH
Zoned = Annotated[datetime, msgspec.Meta(tz=True)]
"""What msgspec converts a text of RFC 3339 with a zone to."""

_LONG = 1024
_SPACE, _DELETE = 0x20, 0x7F
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f]*$"  # the same for JSON Schema


class Strict(Schema):
    """A schema that rejects names it does not know."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "unknown_name", "type": "not_an_object"}


class Number(fields.Float):
    """A JSON number that is a finite float64. Text, booleans, null, NaN and numbers that are too large are rejected."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_number", "infinite": "not_finite"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if type(value) not in (float, int):
            raise self.make_error("invalid")
        try:
            number = float(value)
        except OverflowError:
            raise self.make_error("infinite") from None
        if not math.isfinite(number):
            raise self.make_error("infinite")
        return number


class Values(fields.List[Any]):
    """A list whose entries are not checked here."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_list"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return value


class Rows(Values):
    """A list with at least one entry and at most so many; with None, of any length. Its entries are not checked here."""

    def __init__(self, of: type[Schema] | Schema, most: int | None, **kwargs: Any) -> None:
        size = {"minItems": 1} if most is None else {"minItems": 1, "maxItems": most}
        super().__init__(fields.Nested(of), required=True, metadata=size, **kwargs)
        self._most = math.inf if most is None else most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        rows = super()._deserialize(value, attr, data, **kwargs)
        if not rows:
            raise ValidationError("empty_batch")
        if len(rows) > self._most:
            raise ValidationError("too_many_orders")
        return rows


class Flag(fields.Boolean):
    """A JSON boolean. Numbers and texts are rejected."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_boolean"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


class Moment(fields.DateTime):
    """A time as text of RFC 3339 with a zone. It loads to the same moment in UTC."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_time"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            return in_utc(msgspec.convert(value, Zoned))
        except (msgspec.ValidationError, UnicodeEncodeError, OverflowError):
            raise self.make_error("invalid") from None


class OrderId(fields.String):
    """A string of 1 to 128 characters, none of them a control character or half of a surrogate pair."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_string"}

    def __init__(self, **kwargs: Any) -> None:
        length = validate.Length(min=1, max=ORDER_ID_LENGTH, error="wrong_length")
        super().__init__(validate=[length, _without_controls], metadata={"pattern": _PATTERN}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if type(value) is not str or not well_formed(value):
            raise self.make_error("invalid")
        return value


class Category(fields.String):
    """A category of this input: one of its values or, where it takes unknown ones, a string of 1 to 64 characters."""

    default_error_messages = {
        "required": "missing",
        "null": "null",
        "invalid": "not_a_string",
        "unknown": "unknown_category",
        "length": "wrong_length",
        "controls": "control_character",
    }

    def __init__(self, of: Input, **kwargs: Any) -> None:
        described = {"enum": [*of.values, *((None,) if of.optional else ())]} if of.unknown == REFUSE else {}
        super().__init__(required=not of.optional, allow_none=of.optional, metadata=described, **kwargs)
        self._of = of

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if type(value) is not str or not well_formed(value):
            raise self.make_error("invalid")
        if value in self._of.values:
            return value
        if self._of.unknown == REFUSE:
            raise self.make_error("unknown")
        if not 1 <= len(value) <= CATEGORY_LENGTH:
            raise self.make_error("length")
        if has_controls(value):
            raise self.make_error("controls")
        return value


class ContextText(OrderId):
    """An optional text of an order, of 1 to 128 characters as an order id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)


def input_field(of: Input, **kwargs: Any) -> fields.Field[Any]:
    """The field of this input."""
    if of.kind == CATEGORY:
        return Category(of, **kwargs)
    return Number(required=not of.optional, allow_none=of.optional, **kwargs)


def ignored_field(name: str) -> fields.Field[Any]:
    """The field of a name whose value is not used."""
    return fields.Raw(allow_none=True, data_key=name, metadata={"description": "Accepted and not used."})


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC. Raises OverflowError where its year would not be from 1 to 9999."""
    return moment.astimezone(UTC)


def _without_controls(text: str) -> None:
    if has_controls(text):
        raise ValidationError("control_character")


def has_controls(text: str) -> bool:
    """Whether the text has a control character: C0, DEL or C1, which many databases cannot store."""
    if len(text) > _LONG and text.isascii():  # by the lowest and the highest code: twenty times as fast
        codes = np.frombuffer(text.encode(), np.uint8)
        return bool(codes.min() < _SPACE or codes.max() == _DELETE)
    return not text.isprintable() and _CONTROLS.search(text) is not None


def usable_id(value: Any) -> bool:
    """Whether OrderId takes the value."""
    return _usable(value, ORDER_ID_LENGTH)


def usable_category(value: Any) -> bool:
    """Whether an input that takes unknown categories takes the value."""
    return _usable(value, CATEGORY_LENGTH)


def _usable(value: Any, length: int) -> bool:
    short = isinstance(value, str) and 1 <= len(value) <= length
    return short and well_formed(value) and not has_controls(value)


def well_formed(text: str) -> bool:
    """Whether the text can be encoded as UTF-8, that is, has no lone surrogate."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
