"""Checks: what an entry of a manifest must be. A check gives the entry as it is kept, and refuses any other by its path."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from model.errors import BadManifest

TIME = "%Y-%m-%dT%H:%M:%SZ"

Check: TypeAlias = Callable[[Any, str], Any]


def text(pattern: str, expected: str) -> Check:
    """A text that matches as a whole, and holds no lone surrogate."""

    def check(value: Any, place: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.DOTALL) or re.search("[\ud800-\udfff]", value):
            raise BadManifest(place, f"expected {expected}")
        return value

    return check


def time(value: Any, place: str) -> str:
    """A UTC time as TIME has it."""
    try:
        if isinstance(value, str) and datetime.strptime(value, TIME).replace(tzinfo=UTC).strftime(TIME) == value:
            return value
    except ValueError:
        pass
    raise BadManifest(place, "expected a UTC time like 2026-11-20T00:00:00Z")


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """A finite number, kept as a float; a truth is none."""
    expected = "a finite number" if math.isinf(high) else f"a number from {low:g} to {high:g}"

    def check(value: Any, place: str) -> float:
        try:
            if type(value) in (int, float) and math.isfinite(value) and low <= value <= high:
                return float(value)
        except OverflowError:
            pass
        raise BadManifest(place, f"expected {expected}")

    return check


def whole(low: int, high: int) -> Check:
    """A number without a fraction, written without a point."""

    def check(value: Any, place: str) -> int:
        if type(value) is not int or not low <= value <= high:
            raise BadManifest(place, f"expected a whole number from {low} to {high}")
        return value

    return check


def list_of(item: Check) -> Check:
    """A list that is not empty, each entry of it checked."""

    def check(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise BadManifest(place, "expected a list that is not empty")
        return tuple(item(entry, f"{place}[{index}]") for index, entry in enumerate(value))

    return check


def object_of(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    """An object of these names and no other."""
    fields = required | (optional or {})

    def check(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BadManifest(place, "expected an object")
        for name in required:
            if name not in value:
                raise BadManifest(f"{place}.{name}", "missing")
        if value.keys() - fields.keys():
            raise BadManifest(place, f"holds a name that is none of {', '.join(fields)}")
        return {name: fields[name](entry, f"{place}.{name}") for name, entry in value.items()}

    return check
