"""Strict JSON: RFC 8259 text becomes Python values, with names that occur twice and numbers out of range left visible.

An object knows which names it had more than once. NaN, infinities and numbers too large for a float64 become floats that
are not finite, so that validation can report where they are. Any other text that is not JSON is rejected.
"""

import json
from collections import Counter
from typing import Any

from schemas.faults import MalformedBody


class Object(dict[str, Any]):
    """A JSON object; `repeated` are the names that it had more than once (the last value counts)."""

    __slots__ = ("repeated",)
    repeated: tuple[str, ...]


def read(text: bytes) -> Any:
    """The value of JSON text in UTF-8. Raises MalformedBody, also for a byte order mark and for too many nested levels."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer, parse_constant=float)
    except UnicodeDecodeError as error:
        raise MalformedBody("the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise MalformedBody(f"the body is not JSON (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise MalformedBody("the body has too many nested levels") from error


def _object(pairs: list[tuple[str, Any]]) -> Object:
    found = Object(pairs)
    found.repeated = ()
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        found.repeated = tuple(name for name, count in counts.items() if count > 1)
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)
