"""Decision records: what a line says, and that its numbers have the bits of the answer."""

import json
import math
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import decision_record
from schemas.decision_record import MOST_LISTED, BadRecord, dumps, loads, pack, unpack
from tests.decisions import recorded, scored_batch

NUMBERS = st.floats(allow_infinity=False, allow_nan=False) | st.just(math.nan)


def bits(values):
    return [struct.pack("<d", value) if value == value else None for value in values]


@given(st.lists(NUMBERS, max_size=2 * MOST_LISTED))
def test_numbers_are_read_back_with_their_bits_and_gaps(values):
    packed = json.loads(msgspec.json.encode(pack(np.array(values, np.float64))))
    assert isinstance(packed, bytes) == (len(values) > MOST_LISTED)
    assert bits(unpack(packed, len(values)).tolist()) == bits(values)


@pytest.mark.parametrize("numbers", ["AAA", "AAAA", "A" * 11 + "=", [1.0], [1.0, "2"], [1.0, 2.0, 3.0], "Ω"])
def test_numbers_that_are_not_those_of_so_many_orders_are_rejected(numbers):
    with pytest.raises(BadRecord):
        unpack(numbers, 2)


@pytest.mark.parametrize("orders", [1, MOST_LISTED, MOST_LISTED + 1])
def test_a_record_is_one_line_and_is_read_back(orders):
    record = recorded(scored_batch(orders))
    line = dumps(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert dumps(loads(line)) == line
    assert len(loads(line)) == orders


def test_a_record_has_what_the_answer_has():
    scored = scored_batch(3)
    document = json.loads(dumps(recorded(scored)))
    assert document["order_ids"] == list(scored.decoded.batch.ids)
    assert bits(document["scores"]) == bits(scored.scores.values)
    assert bits(document["logits"]) == bits(scored.scores.logits.tolist())
    assert [list(row) for row in zip(*document["values"], strict=True)] == scored.decoded.batch.matrix.tolist()
    assert document["model"]["sha256"] == scored.model.sha256


@pytest.mark.parametrize("omit", [(name,) for name in decision_record.OMISSIBLE] + [decision_record.OMISSIBLE])
def test_what_is_omitted_is_named_and_is_not_in_the_record(omit):
    document = json.loads(dumps(recorded(scored_batch(3), omit)))
    assert document["omitted"] == list(omit)
    assert not document.keys() & {*omit}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda line: line[:-20], "not a decision record"),
        (lambda line: line.replace(b'"scores":', b'"stores":'), "not a decision record"),
        (lambda line: line.replace(b'"v":1', b'"v":2'), "a record of format 2, which this version does not know"),
        (lambda line: b"\xff" + line, "not a decision record"),
    ],
)
def test_a_line_that_is_no_record_is_rejected_without_its_text(change, reason):
    with pytest.raises(BadRecord) as raised:
        loads(change(dumps(recorded(scored_batch(1)))))
    assert str(raised.value) == reason


def test_explanations_are_read_back_byte_for_byte():
    line = dumps(msgspec.structs.replace(recorded(scored_batch(1)), explanations=msgspec.Raw(b'{"base":0.5}')))
    assert bytes(loads(line).explanations) == b'{"base":0.5}'
    assert loads(dumps(recorded(scored_batch(1)))).explanations is msgspec.UNSET


def test_a_record_of_a_later_format_is_named_whatever_else_it_has():
    with pytest.raises(BadRecord, match="a record of format 3, which"):
        loads(b'{"v": 3, "orders": []}')
