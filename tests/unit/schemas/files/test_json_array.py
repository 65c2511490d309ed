"""JSON arrays of orders. The oracle is the json module, or the same orders as JSON lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files import json_array, jsonl
from schemas.files.row import BadFile, Layout
from tests.facts import INPUTS, ORDER, ORDERS


def read(text, size=7):
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return json_array.Reader(pieces, Layout(INPUTS))


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
VALUES = SIMPLE | st.lists(SIMPLE, max_size=3)


@given(
    st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3) | VALUES, min_size=1, max_size=5),
    st.integers(1, 50),
    st.sampled_from([None, 0, 1]),
    st.booleans(),
    st.booleans(),
)
def test_an_array_has_the_rows_of_the_same_orders_as_lines(orders, size, indent, wrapped, ascii_only):
    text = json.dumps({"orders": orders} if wrapped else orders, indent=indent, ensure_ascii=ascii_only)
    lines = [json.dumps(order, ensure_ascii=ascii_only) for order in orders]
    found, expected = list(read(text, size)), list(jsonl.Reader(lines, Layout(INPUTS)))
    assert [(row.line, row.order, row.fault) for row in found] == [(row.line, row.order, row.fault) for row in expected]
    assert [json.loads(row.source[0]) for row in found] == orders


@pytest.mark.parametrize("text", ["[]", " [ ] ", '{"orders": []}'])
def test_an_empty_array_is_a_file_without_any_order(text):
    with pytest.raises(BadFile, match="the file is empty"):
        list(read(text))


ONE = json.dumps(ORDER)
INDIVISIBLE = {
    "cut in an order": f"[{ONE},\n{ONE[:-1]}",
    "cut between orders": f"[{ONE},\n",
    "without its end": f"[{ONE}\n",
    "a comma too many": f"[{ONE},\n]",
    "two commas": f"[{ONE},\n,{ONE}]",
    "no comma": f"[{ONE}\n{ONE}]",
    "no JSON": f"[{ONE},\n(1)]",
    "too deep": f"[{ONE},\n{'[' * 100_000}",
    "an order without an end": f"[{ONE},\n" + '{"a": "' + "x" * 3 * 2**20,
}


@pytest.mark.parametrize("text", INDIVISIBLE.values(), ids=INDIVISIBLE)
def test_an_array_that_cannot_be_divided_is_rejected_with_the_line(text):
    rows = iter(read(text, 2**16))
    assert next(rows).order == ORDER
    with pytest.raises(BadFile, match=r"what begins on line [12] is not a complete order, or the array does not end"):
        list(rows)


@pytest.mark.parametrize(
    "text", [f"[{ONE}]\n[{ONE}]", f"[{ONE}]\n}}", f'{{"orders": [{ONE}]', f'{{"orders": [{ONE}], "a": 1}}']
)
def test_text_after_the_array_is_rejected(text):
    with pytest.raises(BadFile, match="there is text after the array"):
        list(read(text))


def test_the_lines_of_an_array_are_counted():
    reader = read("\n" + json.dumps(ORDERS, indent=1) + "\n\n")
    assert ([row.line for row in reader], reader.lines) == ([1, 2, 3], 2 + 6 * len(ORDERS) + 1)
