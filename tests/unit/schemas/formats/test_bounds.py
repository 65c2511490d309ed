import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.formats import bounds
from schemas.formats.bounds import Bounds
from schemas.formats.table import CSV, JSON, BatchDecoder, RequestBody
from schemas.validation import BatchValidator
from tests.facts import FEATURES, INPUTS

VALIDATOR = BatchValidator(INPUTS, 10)
SPARE = 4096 + 10

OVER = {
    "objects": (b'{"orders":[' + b"{}," * SPARE + b"{}]}", "too_many_orders"),
    "lists": (b'{"orders":[' + b"[]," * SPARE + b"[]]}", "too_many_orders"),
    "values": (b'{"order_ids":[' + b"1," * 2 * SPARE + b"1]}", "too_many_orders"),
    "names": (b'{"orders":[{' + b'"a":1,' * 2 * SPARE + b'"a":1}]}', "too_many_names"),
    "not JSON": (b"{" * 2 * SPARE, "too_many_orders"),
}


@pytest.mark.parametrize(("content", "code"), OVER.values(), ids=OVER)
def test_a_body_over_a_bound_is_rejected_as_a_whole_by_one_fault(content, code):
    decoded = BatchDecoder(VALIDATOR).decode(RequestBody(JSON, content))
    (fault,) = decoded.faults
    assert (fault.code, fault.position, fault.path, len(decoded.batch)) == (code, None, (), 0)


def test_a_batch_with_twice_the_names_and_orders_of_the_largest_is_explained_order_by_order():
    order = {f"name-{n}": n for n in range(2 * (len(FEATURES) + 1))}
    decoded = BatchDecoder(VALIDATOR).decode(RequestBody(JSON, json.dumps({"orders": [order] * 10}).encode()))
    assert {fault.code for fault in decoded.faults} == {"missing", "unknown_name"}
    assert {fault.position for fault in decoded.faults} == set(range(10))


def test_signs_in_ids_count_for_nothing():
    orders = [{"order_id": "{[:,]}" * 20 + str(n), **dict.fromkeys(FEATURES, 1)} for n in range(10)]
    validator = BatchValidator(INPUTS, 10_000)
    content = json.dumps({"orders": orders * 1000}).encode()
    assert Bounds(validator.max_orders, validator.members).exceeded(content) is None
    assert {fault.code for fault in BatchDecoder(validator).decode(RequestBody(JSON, content)).faults} == {"duplicate_order_id"}


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_outside_of_strings_is_what_a_parser_takes_for_it(value):
    def counted(found):
        if isinstance(found, dict):
            inner = [counted(each) for each in found.values()]
            return sum(inner, np.array([1, 0, len(found), max(len(found) - 1, 0)]))
        if isinstance(found, list):
            return sum(map(counted, found), np.array([0, 1, 0, max(len(found) - 1, 0)]))
        return np.zeros(4, int)

    for ascii_only in (True, False):
        content = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        outside = np.concatenate(list(bounds._outside_strings(content)))
        assert [np.count_nonzero(outside == ord(sign)) for sign in "{[:,"] == counted(value).tolist()


def test_pieces_of_a_long_body_continue_a_string(monkeypatch):
    content = json.dumps({"a": ["{", "[[", ",:"] * 50}).encode()
    whole = np.concatenate(list(bounds._outside_strings(content)))
    monkeypatch.setattr(bounds, "_CHUNK", 7)
    assert np.concatenate(list(bounds._outside_strings(content))).tobytes() == whole.tobytes()


@pytest.mark.parametrize("most", [1, 10])
def test_no_more_rows_are_read_than_show_that_there_are_too_many(most):
    content = b"order_id," + ",".join(FEATURES).encode() + b"\n" + b"a,1,2,3\n" * 100 + b"a row that is not CSV\n"
    decoded = BatchDecoder(BatchValidator(INPUTS, most)).decode(RequestBody(CSV, content))
    assert [(fault.code, fault.limit) for fault in decoded.faults] == [("too_many_orders", most)]
    assert decoded.received == most + 1
