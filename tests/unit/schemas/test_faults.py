import pytest

from schemas.faults import CODES, ErrorSchema, Fault, ProblemSchema, error_list, error_members
from schemas.formats.table import FORMATS

LOCATE = FORMATS["csv"].locate


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_plain_word_with_one_line_of_text_that_has_no_value(code):
    assert code.replace("_", "").islower()
    assert CODES[code].isprintable()
    assert not CODES[code].endswith(".")
    assert error_list([Fault(code, 3, "backlog", "C-311")], LOCATE)[0]["detail"] == CODES[code]


def test_a_code_that_is_not_in_the_table_has_no_text():
    with pytest.raises(KeyError):
        error_list([Fault("no_such_code")], LOCATE)


def test_errors_are_in_the_order_of_the_faults_with_pointers_of_the_format():
    faults = [Fault("null", 3, "backlog", "C-311"), Fault("empty_batch", path=("orders",)), Fault("not_an_object", 0)]
    errors = error_list(faults, LOCATE)
    assert errors == [
        {"pointer": "/3/backlog", "code": "null", "detail": "must not be null or empty", "order_id": "C-311"},
        {"pointer": "/orders", "code": "empty_batch", "detail": "must contain at least one order"},
        {"pointer": "/0", "code": "not_an_object", "detail": "must be a JSON object"},
    ]
    assert ErrorSchema(many=True).load(errors) == errors


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_problem_has_up_to_a_number_of_errors_and_their_count(count):
    errors = error_members([Fault("null", row) for row in range(count)], LOCATE, 2)
    assert (len(errors["errors"]), errors["error_count"]) == (min(count, 2), count)
    problem = {"type": "urn:x", "title": "Invalid.", "status": 422, "detail": "One error.", "request_id": "r-1"}
    for members in (problem, problem | errors):
        assert ProblemSchema().load(members) == members


@pytest.mark.parametrize(
    ("fault", "pointer"),
    [
        *((Fault("not_an_object"), ""), (Fault("not_an_object", 3), "/orders/3"), (Fault("null", 12, "x"), "/orders/12/x")),
        *((Fault("missing", path=("orders",)), "/orders"), (Fault("unknown_name", path=("a\ud800b",)), "/a?b")),
        *((Fault("unknown_name", 0, ""), "/orders/0/"), (Fault("unknown_name", 0, "~/~1"), "/orders/0/~0~1~01")),
        (Fault("unknown_name", 0, "n" * 300), "/orders/0/" + "n" * 128),
        (Fault("unknown_name", 0, "/" * 300), "/orders/0/" + "~1" * 128),
        (Fault("unknown_name", 0, "é🚚"), "/orders/0/é🚚"),
    ],
)
def test_a_pointer_is_a_json_pointer_into_the_body_whose_long_names_are_cut(fault, pointer):
    (error,) = error_list([fault], FORMATS["records"].locate)
    assert error["pointer"] == pointer
