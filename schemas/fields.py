"""The strict fields of the wire. What marshmallow's own would bend into shape, these refuse.

The messages of these fields are codes of problem.CODES, so that an error carries its code from where it arises.
"""

import math
from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

ORDER_ID_LENGTH = 128


class Strict(Schema):
    """A schema that refuses names it does not know."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "unknown_name", "type": "not_an_object"}


class Number(fields.Float):
    """A finite float64 from a JSON number: no text, no boolean, no null, no NaN, nothing too large.

    A zero has no sign, since some doors could not tell it: -0.0 is 0.0.
    """

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
        return number + 0.0


class Values(fields.List[Any]):
    """A list, taken as it is: what stands in it is for others to check."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_list"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return value


class OrderId(fields.String):
    """A string of 1 to 128 characters, all of them real ones: half of a surrogate pair is refused."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "not_a_string"}

    def __init__(self, **kwargs: Any) -> None:
        length = validate.Length(min=1, max=ORDER_ID_LENGTH, error="wrong_length")
        super().__init__(validate=length, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if type(value) is not str:
            raise self.make_error("invalid")
        if not well_formed(value):
            raise self.make_error("invalid")
        return value


def well_formed(text: str) -> bool:
    """Whether the text can be written as UTF-8: it holds no lone surrogate."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
