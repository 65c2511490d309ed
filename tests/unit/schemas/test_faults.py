import pytest
from marshmallow import ValidationError

from schemas.faults import CODES, ErrorSchema, Fault, ProblemSchema, error_list

PROBLEM = {
    "type": "urn:delivery-risk:problem:invalid-batch",
    "title": "The batch holds orders that cannot be scored.",
    "status": 422,
    "detail": "One error.",
    "request_id": "r-1",
}


def place(fault):
    return (str(fault.position), *([fault.name] if fault.name else []))


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_plain_word_with_one_line_about_it(code):
    assert code.replace("_", "").islower()
    assert CODES[code].isprintable()
    assert not CODES[code].endswith(".")


@pytest.mark.parametrize("code", CODES)
def test_a_fault_explains_its_code_without_a_value(code):
    assert Fault(code, 3, "backlog", "C-311").detail == CODES[code]


def test_a_code_that_is_not_in_the_table_cannot_be_explained():
    with pytest.raises(KeyError):
        _ = Fault("no_such_code").detail


def test_errors_keep_the_order_of_the_faults_and_take_their_places_from_the_format():
    faults = [Fault("null", 3, "backlog", "C-311"), Fault("empty_batch", path=("orders",)), Fault("not_an_object", 0)]
    assert error_list(faults, place) == [
        {"pointer": "/3/backlog", "code": "null", "detail": "must not be null or empty", "order_id": "C-311"},
        {"pointer": "/orders", "code": "empty_batch", "detail": "must contain at least one order"},
        {"pointer": "/0", "code": "not_an_object", "detail": "must be a JSON object"},
    ]


def test_no_faults_are_no_errors():
    assert error_list([], place) == []


def test_errors_are_what_their_schema_says():
    errors = error_list([Fault("null", 3, "backlog", "C-311"), Fault("missing", 1, "order_id")], place)
    assert ErrorSchema(many=True).load(errors) == errors


def test_the_error_schema_lists_every_code():
    assert ErrorSchema().fields["code"].metadata["enum"] == list(CODES)


def test_a_problem_may_come_without_errors():
    assert ProblemSchema().load(PROBLEM) == PROBLEM


def test_a_problem_may_come_with_errors_and_their_count():
    problem = {**PROBLEM, "errors": error_list([Fault("null", 3, "backlog")], place), "error_count": 1}
    assert ProblemSchema().load(problem) == problem


@pytest.mark.parametrize("name", PROBLEM)
def test_a_problem_lacks_none_of_its_members(name):
    with pytest.raises(ValidationError) as caught:
        ProblemSchema().load({other: value for other, value in PROBLEM.items() if other != name})
    assert list(caught.value.messages) == [name]


@pytest.mark.parametrize("name", ["value", "instance", "order_id"])
def test_a_problem_has_no_other_members(name):
    with pytest.raises(ValidationError) as caught:
        ProblemSchema().load({**PROBLEM, name: "x"})
    assert list(caught.value.messages) == [name]


def test_an_error_has_no_room_for_a_value():
    error = {"pointer": "/orders/0/backlog", "code": "null", "detail": "must not be null or empty"}
    with pytest.raises(ValidationError) as caught:
        ErrorSchema().load({**error, "value": 3})
    assert list(caught.value.messages) == ["value"]
