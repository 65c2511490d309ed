"""The same orders in a body and in files of each format."""

import csv
import io
import json
from collections import Counter

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.files.row import Layout
from schemas.files.table import FILES
from schemas.formats.table import JSON, BatchDecoder, RequestBody
from schemas.validation import BatchValidator
from tests.facts import FEATURES, INPUTS
from tests.order_files import opened

COLUMNS = ("order_id", *FEATURES)
VALIDATOR = BatchValidator(INPUTS, 100)

NUMBERS = (
    st.integers(-(10**25), 10**25).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.from_regex(r"-?(0|[1-9][0-9]{0,30})\.[0-9]{1,40}([eE][+-]?[0-9]{1,2})?", fullmatch=True)
    | st.sampled_from(["-0", "-0.0", "5e-324", "1e-400", "1e400", "-1e400", "9" * 399, "9" * 400, "-" + "9" * 500])
)
WORDS = st.sampled_from(
    ["much", "01", "+1", ".5", "1.", " 1", "1_0", "0x1", "NaN", "inf", "１２", '"', "a,b", "a\nb", "-", "é🚚"]
)
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=130) | st.sampled_from(["A", "B", "1", "null"])


def as_text(text):
    return text, json.dumps(text)


# Each value is the text of a cell, and the text in JSON.
NULL = st.just(("", "null"))
VALUES = st.one_of(*[NUMBERS.map(lambda text: (text, text))] * 8, WORDS.map(as_text), NULL)
ORDERS = st.lists(st.tuples(st.one_of(*[IDS.map(as_text)] * 4, NULL), VALUES, VALUES, VALUES), min_size=1, max_size=20)
ZEROS = [(as_text(f"A{zero}"), (zero, zero), ("3", "3"), ("1", "1")) for zero in ("-0", "-0.0", "0", "-0e0")]


def as_json(order):
    return "{" + ", ".join(f'"{name}": {value[1]}' for name, value in zip(COLUMNS, order, strict=True)) + "}"


def from_file(name, text):
    rows = list(FILES[name].reader(opened(text), Layout(INPUTS)))
    assert [row.fault for row in rows if row.fault] == []
    return VALIDATOR.decode([row.order for row in rows])


def as_csv(orders):
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *([value[0] for value in order] for order in orders)])
    return stream.getvalue()


def outcome(decoded):
    """All that a format makes of some orders; the bytes of the matrix distinguish a minus zero from a zero."""
    faults = Counter((fault.position, fault.name, fault.code, fault.order_id) for fault in decoded.faults)
    return decoded.batch.ids, decoded.batch.matrix.tobytes(), list(decoded.positions), faults


@given(ORDERS)
@example(ZEROS)
def test_the_same_orders_are_decoded_to_exactly_the_numbers_sent_from_a_body_and_from_files(orders):
    body = RequestBody(JSON, f'{{"orders": [{",".join(map(as_json, orders))}]}}'.encode())
    decoded = BatchDecoder(VALIDATOR).decode(body)
    valid = [orders[position] for position in decoded.positions]
    # Adding zero removes the sign of a minus zero, as validation does.
    sent = np.array([[float(text) + 0.0 for text, _ in order[1:]] for order in valid], np.float64)
    assert (decoded.batch.ids, decoded.batch.matrix.tobytes()) == ([order[0][0] for order in valid], sent.tobytes())
    expected = outcome(decoded)
    assert outcome(from_file("csv", as_csv(orders))) == expected
    assert outcome(from_file("jsonl", "\n".join(map(as_json, orders)))) == expected
