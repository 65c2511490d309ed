"""Errors of texts, and numbers beyond a float. Which texts are strict JSON is in tests/data/requests."""

import math
import re
import sys

import pytest

from schemas.faults import MalformedBody
from schemas.strict_json import read

SYNTAX_ERRORS = [
    *((b"", 1, 1), (b"orders", 1, 1), (b'{"a": 1} x', 1, 10), (b'{"a":\n1,\n "b": +2}', 3, 7), (b"\n\n  nope", 3, 3)),
    *((b'{"a" 1}', 1, 6), (b"[1 2]", 1, 4), ('["🚚é" 2]'.encode(), 1, 7), (b'{"a": 01}', 1, 8), (b"{'a': 1}", 1, 2)),
    *((b'{"a": 1,}', 1, 9 - (sys.version_info >= (3, 13))), (b"{}{}", 1, 3), (b"// {}", 1, 1), (b"\xc2\xa0{}", 1, 1)),
    *((b"\x0c{}", 1, 1), (b"\xef\xbb\xbf{}", 1, 1)),
]
NOT_UTF8 = [*b'\xff "\xe9" "\xc0\x80" "\xed\xa0\x80" "\xe2\x82" \xf4\x90\x80\x80'.split(), '{"a": 1}'.encode("utf-16")]
NESTED = [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000]
ERRORS = [
    *((text, f"the body is not JSON (line {line}, column {column})") for text, line, column in SYNTAX_ERRORS),
    *((text, "the body is not UTF-8") for text in NOT_UTF8),
    *((text, "the body has too many nested levels") for text in NESTED),
]


@pytest.mark.parametrize(("text", "reason"), ERRORS)
def test_an_error_says_what_is_wrong_with_line_and_column_in_characters(text, reason):
    with pytest.raises(MalformedBody, match=f"^{re.escape(reason)}$"):
        read(text)


@pytest.mark.parametrize("text", [b"Infinity", b"1e400", b"9" * 400, b"9" * 100_000])
def test_a_number_that_is_too_large_becomes_infinite_and_nan_nan(text):
    assert (read(text), read(b"-" + text), str(read(b"NaN"))) == (math.inf, -math.inf, "nan")
