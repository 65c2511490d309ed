import math

import pytest
from marshmallow import ValidationError, missing

from schemas.faults import CODES
from schemas.fields import Number, OrderId, Strict, well_formed


def code(field, value):
    with pytest.raises(ValidationError) as caught:
        field.deserialize(value)
    (found,) = caught.value.messages
    return found


NUMBERS = [
    *((2, 2.0), (2.5, 2.5), (-1, -1.0), (10**308, 1e308), (5e-324, 5e-324), (1.7976931348623157e308, 1.7976931348623157e308)),
    *((9007199254740993, 9007199254740992.0), (9007199254740995, 9007199254740996.0)),
]


@pytest.mark.parametrize(("value", "number"), NUMBERS)
def test_a_json_number_becomes_the_nearest_float(value, number):
    found = Number(required=True).deserialize(value)
    assert (type(found), found) == (float, number)


@pytest.mark.parametrize("value", [-0.0, 0.0, 0])
def test_a_zero_has_no_sign(value):
    assert math.copysign(1.0, Number().deserialize(value)) == 1.0


@pytest.mark.parametrize("value", [True, False, "3", "", "３", "NaN", b"3", [], [3], {}, {"value": 3}, 3j])
def test_what_is_not_a_json_number_is_not_a_number(value):
    assert code(Number(required=True), value) == "not_a_number"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**309, -(10**309), 2**1024])
def test_a_number_that_is_not_a_finite_float_is_not_finite(value):
    assert code(Number(required=True), value) == "not_finite"


@pytest.mark.parametrize("field", [Number(required=True), OrderId(required=True)])
def test_null_and_missing_have_different_codes(field):
    assert (code(field, None), code(field, missing)) == ("null", "missing")


@pytest.mark.parametrize("value", ["x", " ", "a" * 128, "🚚" * 128, "\0", "e\u0301", "\uffff", "null"])
def test_an_order_id_of_1_to_128_characters_is_kept_as_it_is(value):
    assert OrderId(required=True).deserialize(value) == value


@pytest.mark.parametrize("value", ["", "a" * 129, "🚚" * 129])
def test_an_order_id_of_another_length_is_rejected(value):
    assert code(OrderId(required=True), value) == "wrong_length"


@pytest.mark.parametrize("value", [104, 1.5, True, ["A"], {"id": "A"}, b"A-104", "\ud800", "A\udfff", "\ude9a\ud83d"])
def test_an_order_id_that_is_no_well_formed_string_is_not_a_string(value):
    assert code(OrderId(required=True), value) == "not_a_string"


@pytest.mark.parametrize(
    ("formed", "texts"),
    [
        (True, ["", "plain", "é", "\0", "\ud7ff\ue000", "\U0010ffff", "🚚"]),
        (False, ["\ud800", "x\udfff", "a\udc80b", "é\ud83d", "\ud83d\ude9a"]),
    ],
)
def test_text_is_well_formed_unless_it_has_a_surrogate(formed, texts):
    assert [well_formed(text) for text in texts] == [formed] * len(texts)


def test_a_strict_schema_names_each_unknown_field():
    schema = Strict.from_dict({"a": Number()})()
    with pytest.raises(ValidationError) as caught:
        schema.load({"a": 1, "b": 2, "c": 3})
    assert caught.value.messages == {"b": ["unknown_name"], "c": ["unknown_name"]}


@pytest.mark.parametrize("value", [None, 3, "a", [("a", 1)], True])
def test_a_strict_schema_accepts_only_an_object(value):
    schema = Strict.from_dict({"a": Number()})()
    with pytest.raises(ValidationError) as caught:
        schema.load(value)
    assert caught.value.messages == {"_schema": ["not_an_object"]}


@pytest.mark.parametrize(
    ("field", "faults"), [(Number(), ["required", "null", "invalid", "infinite"]), (OrderId(), ["required", "null", "invalid"])]
)
def test_the_messages_of_a_field_are_codes(field, faults):
    assert {field.error_messages[fault] for fault in faults} <= CODES.keys()
