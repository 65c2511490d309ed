"""Fields of settings: what the text of a variable may be. A fault does not repeat it."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, TypeAlias

from marshmallow import ValidationError, fields, validate

MOST_HELD_OUT = 0.2
"""The largest share of orders that a holdout may take: a larger one is more likely a percentage."""
_FRACTION = re.compile(r"0?\.[0-9]{1,15}", re.ASCII)


def whole(default: int | None, low: int, high: int, description: str) -> fields.Integer:
    limits = validate.Range(low, high, error=f"expected a whole number from {low} to {high}")
    return Whole(load_default=default, validate=limits, metadata={"description": description})


class Choice(fields.String):
    """One of some words, in small letters or in capitals."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return super()._deserialize(value, attr, data, **kwargs).lower()


def choice(default: str, choices: tuple[str, ...], description: str) -> fields.String:
    one_of = validate.OneOf(choices, error=f"expected one of {', '.join(choices)}")
    return Choice(load_default=default, validate=one_of, metadata={"description": description})


def pattern(
    default: str | None, pattern: str, expected: str, description: str, kind: type[fields.String] = fields.String
) -> fields.String:
    matches = validate.Regexp(pattern, error=f"expected {expected}")
    return kind(load_default=default, validate=matches, metadata={"description": description})


class Whole(fields.Integer):
    default_error_messages = {"invalid": "expected a whole number"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16):
            raise self.make_error("invalid")
        return int(value)


class Names(fields.String):
    """Some of these words, separated by commas."""

    def __init__(self, choices: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        found = super()._deserialize(value, attr, data, **kwargs).lower().replace(" ", "").split(",")
        if not {*found} <= {*self._choices}:
            raise ValidationError(f"expected some of {', '.join(self._choices)}, separated by commas")
        return tuple(name for name in self._choices if name in found)


Network: TypeAlias = IPv4Network | IPv6Network | Literal["unix"]


class Networks(fields.String):
    """Addresses and networks of IP, or `unix`, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        texts = super()._deserialize(value, attr, data, **kwargs).lower().replace(" ", "").split(",")
        try:
            return tuple(text if text == "unix" else ip_network(text) for text in texts)
        except ValueError:
            raise ValidationError("expected addresses, networks such as 10.0.0.0/8, or unix, separated by commas") from None


class Share(fields.Float):
    """A part of all, as a decimal fraction."""

    default_error_messages = {"invalid": f"expected a number over 0, up to {MOST_HELD_OUT}"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if not (isinstance(value, str) and _FRACTION.fullmatch(value) and 0 < float(value) <= MOST_HELD_OUT):
            raise self.make_error("invalid")
        return float(value)


class Digest(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        return str(super()._deserialize(value, attr, data, **kwargs)).lower()
