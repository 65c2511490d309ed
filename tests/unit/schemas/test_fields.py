import math

import pytest
from marshmallow import ValidationError, missing

from schemas.faults import CODES
from schemas.fields import Number, OrderId, Strict, well_formed

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


@pytest.mark.parametrize("value", ["x", " ", "a" * 128, "🚚" * 128, "\0", "e\u0301", "\uffff", "null"])
def test_an_order_id_of_1_to_128_characters_is_kept_as_it_is(value):
    assert OrderId(required=True).deserialize(value) == value


NUMBER, ORDER_ID = Number(required=True), OrderId(required=True)
INVALID = [
    *((field, value, code) for field in (NUMBER, ORDER_ID) for value, code in ((None, "null"), (missing, "missing"))),
    *((NUMBER, value, "not_a_number") for value in (True, False, "3", "", "３", "NaN", b"3", [], [3], {}, {"value": 3}, 3j)),
    *((NUMBER, value, "not_finite") for value in (math.nan, math.inf, -math.inf, 10**309, -(10**309), 2**1024)),
    *((ORDER_ID, value, "wrong_length") for value in ("", "a" * 129, "🚚" * 129)),
    *((ORDER_ID, value, "not_a_string") for value in (104, 1.5, True, ["A"], {"id": "A"}, b"A-104")),
    *((ORDER_ID, value, "not_a_string") for value in ("\ud800", "A\udfff", "\ude9a\ud83d")),
]


@pytest.mark.parametrize(("field", "value", "code"), INVALID)
def test_an_invalid_value_is_rejected_with_the_code_of_what_is_wrong(field, value, code):
    assert code in CODES
    with pytest.raises(ValidationError) as caught:
        field.deserialize(value)
    assert caught.value.messages == [code]


@pytest.mark.parametrize(
    ("formed", "texts"),
    [
        (True, ["", "plain", "é", "\0", "\ud7ff\ue000", "\U0010ffff", "🚚"]),
        (False, ["\ud800", "x\udfff", "a\udc80b", "é\ud83d", "\ud83d\ude9a"]),
    ],
)
def test_text_is_well_formed_unless_it_has_a_surrogate(formed, texts):
    assert [well_formed(text) for text in texts] == [formed] * len(texts)


UNKNOWN = [({"a": 1, "b": 2, "c": 3}, {"b": ["unknown_name"], "c": ["unknown_name"]})]
NO_OBJECTS = [(value, {"_schema": ["not_an_object"]}) for value in (None, 3, "a", [("a", 1)], True)]


@pytest.mark.parametrize(("value", "messages"), [*UNKNOWN, *NO_OBJECTS])
def test_a_strict_schema_accepts_only_an_object_and_names_each_unknown_field(value, messages):
    with pytest.raises(ValidationError) as caught:
        Strict.from_dict({"a": Number()})().load(value)
    assert caught.value.messages == messages
