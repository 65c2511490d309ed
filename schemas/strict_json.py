"""Document: strict JSON text (RFC 8259) made into Python values, with what a codec hides still to be seen.

An object remembers the names that stood in it more than once. NaN, infinities and numbers too large for a float64 come
out as floats that are not finite, so that the schema can name their place. Everything else that is not JSON is refused.
"""

import json
from collections import Counter
from typing import Any

from schemas.faults import MalformedBody


class NotJSON(MalformedBody):
    """The text is not JSON; `line` and `column`, from 1, say where, as far as is known."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason if line is None else f"{reason} (line {line}, column {column})")
        self.line = line
        self.column = column


class Object(dict[str, Any]):
    """A JSON object; `repeated` are the names given more than once (the last value counts)."""

    __slots__ = ("repeated",)
    repeated: tuple[str, ...]


def read(text: bytes) -> Any:
    """The document in UTF-8 text. Raises NotJSON: other encodings, a byte order mark, nesting beyond reason."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer, parse_constant=float)
    except UnicodeDecodeError as error:
        raise NotJSON("the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise NotJSON("the body is not JSON", error.lineno, error.colno) from error
    except RecursionError as error:
        raise NotJSON("the body nests too deep") from error


def _object(pairs: list[tuple[str, Any]]) -> Object:
    found = Object(pairs)
    found.repeated = ()
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        found.repeated = tuple(name for name, count in counts.items() if count > 1)
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else float(digits)
