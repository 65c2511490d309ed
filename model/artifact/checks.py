"""Checks of JSON entries. A check takes an entry and its path, and returns the entry as stored or raises BadManifest.

An entry that is missing, unknown, given twice or of another type is rejected, and the error gives its path.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeAlias

from model.errors import BadManifest

TIME = "%Y-%m-%dT%H:%M:%SZ"
_LARGEST = 2**1024 - 2**970 - 1  # the largest integer that rounds to a finite float

Check: TypeAlias = Callable[[Any, str], Any]
Fields: TypeAlias = dict[str, Check]


def read_json(data: bytes, location: str) -> Any:
    """The value in this UTF-8 JSON. Raises BadManifest; NaN and a name given twice in an object are rejected."""
    try:  # int raises ValueError for NaN and the infinities
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=int)
    except (ValueError, RecursionError) as error:
        raise BadManifest(location, "not strict UTF-8 JSON") from error


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for a JSON reader. Raises ValueError if a name is given twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def text(pattern: str, expected: str) -> Check:
    """A text that matches completely and contains no lone surrogate."""
    return _plain(expected, re.compile(rf"(?s)(?!.*[\ud800-\udfff])(?:{pattern})").fullmatch)


def time() -> Check:
    """A UTC time in the format TIME."""
    expected = "a UTC time like 2026-11-20T00:00:00Z"
    return _plain(expected, lambda value: datetime.strptime(value, TIME).strftime(TIME) == value)


def number(low: float = -_LARGEST, high: float = _LARGEST, kind: type[float] = float) -> Check:
    """A finite number, returned as a `kind`; an int is written without a decimal point; true and false are not numbers."""
    name = "an integer" if kind is int else "a finite number"
    expected = name if high == _LARGEST else f"{name} from {low} to {high}"
    return _plain(expected, lambda value: type(value) in (int, kind) and low <= value <= high, kind)


def any_of(expected: str, *items: Check) -> Check:
    """An entry that passes one of these checks, returned as the first that it passes returns it."""

    def check(value: Any, location: str) -> Any:
        for item in items:
            with suppress(BadManifest):
                return item(value, location)
        raise BadManifest(location, f"expected {expected}")

    return check


def list_of(item: Check, least: int = 1) -> Check:
    """A list of at least this length whose entries pass the check, returned as a tuple."""

    def check(value: Any, location: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise BadManifest(location, "expected a list that is not empty" if least else "expected a list")
        return tuple(item(entry, f"{location}[{index}]") for index, entry in enumerate(value))

    return check


def object_of(noun: Callable[..., Any], required: Fields, optional: Fields | None = None, names: str = "") -> Check:
    """An object with these names and no others, returned as the noun of its entries, required ones first.

    The error of an unknown name lists the names, or has `names` in their place.
    """
    fields = required | (optional or {})

    def check(value: Any, location: str) -> Any:
        if not isinstance(value, dict):
            raise BadManifest(location, "expected an object")
        for name in required:
            if name not in value:
                raise BadManifest(f"{location}.{name}", "missing")
        if value.keys() - fields.keys():
            raise BadManifest(location, f"contains an unknown name; expected only {names or ', '.join(fields)}")
        return noun(**{name: entry(value[name], f"{location}.{name}") for name, entry in fields.items() if name in value})

    return check


def anything(value: Any, location: str) -> Any:
    """Any entry, to be checked later."""
    return value


def boolean(value: Any, location: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise BadManifest(location, "expected true or false")
    return value


def null(value: Any, location: str) -> None:
    """null."""
    if value is not None:
        raise BadManifest(location, "expected null")


def _plain(expected: str, valid: Callable[[Any], Any], stored: Callable[[Any], Any] = lambda value: value) -> Check:
    def check(value: Any, location: str) -> Any:
        with suppress(TypeError, ValueError):
            if valid(value):
                return stored(value)
        raise BadManifest(location, f"expected {expected}")

    return check
