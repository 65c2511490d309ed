"""Checks of JSON entries. A check takes an entry and its path, and returns the entry as stored or raises BadManifest."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from model.errors import BadManifest

TIME = "%Y-%m-%dT%H:%M:%SZ"

Check: TypeAlias = Callable[[Any, str], Any]


def read_json(data: bytes, location: str) -> Any:
    """The value in this UTF-8 JSON. Raises BadManifest; NaN and a name given twice in an object are rejected."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadManifest(location, "not strict UTF-8 JSON") from error


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for a JSON reader. Raises ValueError if a name is given twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def text(pattern: str, expected: str) -> Check:
    """A text that matches completely and contains no lone surrogate."""

    def check(value: Any, location: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.DOTALL) or re.search("[\ud800-\udfff]", value):
            raise BadManifest(location, f"expected {expected}")
        return value

    return check


def time(value: Any, location: str) -> str:
    """A UTC time in the format TIME."""
    try:
        if isinstance(value, str) and datetime.strptime(value, TIME).replace(tzinfo=UTC).strftime(TIME) == value:
            return value
    except ValueError:
        pass
    raise BadManifest(location, "expected a UTC time like 2026-11-20T00:00:00Z")


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """A finite number, returned as a float; true and false are not numbers."""
    expected = "a finite number" if math.isinf(high) else f"a number from {low:g} to {high:g}"

    def check(value: Any, location: str) -> float:
        try:
            if type(value) in (int, float) and math.isfinite(value) and low <= value <= high:
                return float(value)
        except OverflowError:
            pass
        raise BadManifest(location, f"expected {expected}")

    return check


def integer(low: int, high: int) -> Check:
    """A number written without a decimal point."""

    def check(value: Any, location: str) -> int:
        if type(value) is not int or not low <= value <= high:
            raise BadManifest(location, f"expected an integer from {low} to {high}")
        return value

    return check


def list_of(item: Check, least: int = 1) -> Check:
    """A list of at least this length whose entries pass the check, returned as a tuple."""

    def check(value: Any, location: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise BadManifest(location, "expected a list that is not empty" if least else "expected a list")
        return tuple(item(entry, f"{location}[{index}]") for index, entry in enumerate(value))

    return check


def object_of(required: dict[str, Check], optional: dict[str, Check] | None = None, names: str = "") -> Check:
    """An object with these names and no others; an error lists them, or has `names` in their place."""
    fields = required | (optional or {})

    def check(value: Any, location: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BadManifest(location, "expected an object")
        for name in required:
            if name not in value:
                raise BadManifest(f"{location}.{name}", "missing")
        if value.keys() - fields.keys():
            raise BadManifest(location, f"contains an unknown name; expected only {names or ', '.join(fields)}")
        return {name: fields[name](entry, f"{location}.{name}") for name, entry in value.items()}

    return check


def _no_constant(_: str) -> None:
    raise ValueError
