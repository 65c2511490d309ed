import math
import sys

import pytest

from schemas.faults import MalformedBody
from schemas.strict_json import Object, read


def error_of(text):
    with pytest.raises(MalformedBody) as caught:
        read(text)
    return str(caught.value)


VALUES = [
    *((b"null", None), (b" true\r\n", True), (b"[]", []), (b'{"a": {"b": [1, 2.5, "c"]}}', {"a": {"b": [1, 2.5, "c"]}})),
    *((b'"\\u0041\\ud83d\\ude9a\\/"', "A🚚/"), ('"é🚚"'.encode(), "é🚚"), (b'"\x7f"', "\x7f")),
    *((b"0", 0), (b"-12", -12), (b"12345678901234567890", 12345678901234567890)),
    *((b"1.25e2", 125.0), (b"0.1", 0.1), (b"1e-400", 0.0)),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_strict_json_is_read(text, value):
    found = read(text)
    assert (type(found) in (Object, type(value)), found) == (True, value)


@pytest.mark.parametrize("text", [b"Infinity", b"1e400", b"9" * 400, b"9" * 100_000])
def test_a_number_that_is_too_large_becomes_infinite_and_nan_nan(text):
    assert (read(text), read(b"-" + text), str(read(b"NaN"))) == (math.inf, -math.inf, "nan")


REPEATED = [
    *((b'{"a": 1, "b": {"a": 2}}', ()), ('{"é": 1, "e\u0301": 2, "E": 3, "e": 4}'.encode(), ())),
    *((b'{"a": 1, "a": 2}', ("a",)), (b'{"a": 1, "a": 1}', ("a",)), (b'{"a": 1, "\\u0061": 2}', ("a",))),
    *((b'{"": 1, "": 2}', ("",)), (b'{"\\ud800": 1, "\\ud800": 2}', ("\ud800",))),
    (b'{"b": 1, "a": 2, "a": 3, "b": 4, "c": 5}', ("b", "a")),
]


@pytest.mark.parametrize(("text", "names"), REPEATED)
def test_an_object_knows_its_repeated_names_in_the_order_of_the_text(text, names):
    assert read(text).repeated == names


def test_each_object_knows_its_own_repeated_names_whose_last_values_count():
    found = read(b'{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 2, "d": 3}]}')
    assert (found.repeated, found["a"].repeated, found["c"][0].repeated) == ((), ("b",), ("d",))
    assert found == {"a": {"b": 2}, "c": [{"d": 3}]}


SYNTAX_ERRORS = [
    *((b"", 1, 1), (b"orders", 1, 1), (b'{"a": 1} x', 1, 10), (b'{"a":\n1,\n "b": +2}', 3, 7), (b"\n\n  nope", 3, 3)),
    *((b'{"a" 1}', 1, 6), (b"[1 2]", 1, 4), ('["🚚é" 2]'.encode(), 1, 7), (b'{"a": 01}', 1, 8), (b"{'a': 1}", 1, 2)),
    *((b'{"a": 1,}', 1, 9 - (sys.version_info >= (3, 13))), (b"{}{}", 1, 3), (b"// {}", 1, 1), (b"\xc2\xa0{}", 1, 1)),
    *((b"\x0c{}", 1, 1), (b"\xef\xbb\xbf{}", 1, 1)),
]


@pytest.mark.parametrize(("text", "line", "column"), SYNTAX_ERRORS)
def test_a_syntax_error_has_its_line_and_column_in_characters(text, line, column):
    assert error_of(text) == f"the body is not JSON (line {line}, column {column})"


NOT_UTF8 = [
    b"\xff",
    b'"\xe9"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"\xe2\x82"',
    '{"a": 1}'.encode("utf-16"),
    b"\xf4\x90\x80\x80",
]
NESTED = [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000]
REASONS = [
    *((text, "the body is not UTF-8") for text in NOT_UTF8),
    *((text, "the body has too many nested levels") for text in NESTED),
]


@pytest.mark.parametrize(("text", "reason"), REASONS)
def test_text_that_is_not_utf8_and_too_many_nested_levels_are_rejected(text, reason):
    assert error_of(text) == reason


def test_100_nested_levels_are_read():
    found = read(b"[" * 100 + b"7" + b"]" * 100)
    for _ in range(100):
        (found,) = found
    assert found == 7


@pytest.mark.parametrize("text", [b'"secret\x01"', b'{"secret": secret}', b"secret", b'"\\xsecret"'])
def test_an_error_repeats_nothing_of_the_text(text):
    assert "secret" not in error_of(text)
