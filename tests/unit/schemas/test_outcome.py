"""Outcomes: each fault of each value by its code, and a record that says what came."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import outcome
from schemas.decision_record import BadRecord
from schemas.outcome import InvalidOutcomes, dumps, load, loads, record
from schemas.strict_json import read

GOOD = {"order_id": "A-104", "late": True, "at": "2026-11-30T05:00:00Z"}
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def faults(*rows):
    """Position, name, code and order id of what is wrong with these rows."""
    with pytest.raises(InvalidOutcomes) as caught:
        load(list(rows))
    return [(fault.position, fault.name, fault.code, fault.order_id) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        *(("order_id", value, "not_a_string") for value in (1, True, ["A"], "\ud800")),
        *(("order_id", value, "wrong_length") for value in ("", "x" * 129)),
        *(("order_id", None, "null"), ("order_id", "A\n", "control_character")),
        *(("late", value, "not_a_boolean") for value in (0, 1, 1.0, "true", "", [], {})),
        ("late", None, "null"),
        *(
            ("at", value, "not_a_time")
            for value in (0, 1780000000, True, "", "today", "2026-11-30", "20261130T050000Z", "\ud800")
        ),
        *(
            ("at", f"2026-11-30T{clock}", "not_a_time")
            for clock in ("05:00:00", "05:00Z", "24:00:00Z", "05:00:60Z", "05:00:00.Z")
        ),
        *(("at", value, "not_a_time") for value in ("2026-02-29T05:00:00Z", "0001-01-01T00:00:00+01:00")),
        ("at", "9999-12-31T23:59:59-01:00", "not_a_time"),
        ("at", None, "null"),
        *(("acted_on", value, "not_a_boolean") for value in (0, "false", [])),
        ("score", 0.5, "unknown_name"),
    ],
)
def test_a_value_that_is_wrong_is_named_by_its_code(name, value, code):
    ((position, named, found, order_id),) = faults(GOOD, {**GOOD, name: value})
    assert (position, named, found) == (1, name, code)
    assert order_id == (None if name == "order_id" else "A-104")


@pytest.mark.parametrize("name", GOOD)
def test_an_outcome_lacks_no_name_but_acted_on(name):
    assert faults({key: value for key, value in GOOD.items() if key != name})[0][1:3] == (name, "missing")


@pytest.mark.parametrize("row", [None, 1, "A-104", [GOOD], True])
def test_an_outcome_is_an_object(row):
    assert faults(GOOD, row) == [(1, None, "not_an_object", None)]


def test_a_name_given_twice_and_far_too_many_names_are_faults():
    twice = read(b'{"order_id": "A", "late": true, "late": false, "at": "2026-11-30T05:00:00Z"}')
    assert faults(twice) == [(0, "late", "duplicate_key", "A")]
    assert faults({**GOOD, **dict.fromkeys(map(str, range(30)))}) == [(0, None, "too_many_names", "A-104")]


def test_all_faults_of_all_rows_are_found_at_once():
    found = faults({**GOOD, "late": 1, "at": "now"}, GOOD, {"order_id": "B"})
    assert sorted(found) == [
        (0, "at", "not_a_time", "A-104"),
        (0, "late", "not_a_boolean", "A-104"),
        (2, "at", "missing", "B"),
        (2, "late", "missing", "B"),
    ]


def test_times_are_kept_in_utc_and_an_order_may_occur_again():
    found = load([GOOD, {**GOOD, "at": "2026-11-30t05:30:00.25+05:30", "acted_on": None}, {**GOOD, "acted_on": False}])
    first = datetime(2026, 11, 30, 5, tzinfo=UTC)
    assert found.outcome_at == [first, first + timedelta(seconds=-5 * 3600 + 0.25), first]
    assert {each.tzinfo for each in found.outcome_at} == {UTC}
    assert (found.order_ids, found.late, found.acted_on) == (["A-104"] * 3, [True] * 3, [None, None, False])


TEXTS = st.sampled_from(
    ["A-104", "x" * 128, "x" * 129, "", "\x85", "\ud800", "é", "2026-11-30T05:00:00+01:00", "2026-11-30T05:00:00"]
)
VALUES = TEXTS | st.none() | st.booleans() | st.integers(-1, 2) | st.floats(allow_nan=False) | st.just([]) | st.just({})
ROWS = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("order_id", "late", "at", "acted_on", "other"), VALUES))
    | st.builds(lambda change: {**GOOD, **change}, st.dictionaries(st.sampled_from([*GOOD, "acted_on"]), VALUES, max_size=1)),
    max_size=4,
)


@given(ROWS)
def test_what_is_read_fast_is_what_the_schema_takes(rows):
    errors = outcome._schema.validate(rows, many=True)
    assert (outcome._plain(rows) is None) == bool(errors)


def test_a_record_holds_the_outcomes_and_reads_back():
    outcomes = load([GOOD])
    made = record(outcomes, NOW, "a-request", "depot")
    line = dumps(made)
    assert json.loads(line) == {
        "v": 1,
        "at": "2026-12-01T00:00:00Z",
        "request_id": "a-request",
        "order_ids": ["A-104"],
        "late": [True],
        "outcome_at": ["2026-11-30T05:00:00Z"],
        "acted_on": [None],
        "caller": "depot",
    }
    assert (loads(line), line.count(b"\n")) == (made, 1)
    assert "caller" not in json.loads(dumps(record(outcomes, NOW, "a-request")))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"late": []},
        {"acted_on": [None, None]},
        {"outcome_at": ["x"]},
        {"outcome_at": ["2026-11-30T05:00:00"]},
        {"at": 1},
    ],
)
def test_a_line_that_is_no_outcome_record_is_rejected(change):
    line = json.loads(dumps(record(load([GOOD]), NOW, "a-request")))
    with pytest.raises(BadRecord):
        loads(json.dumps({**line, **change}).encode())
    for text in (b"", b"{}", b"[]", json.dumps(line).encode()[:-5], b"\xff"):
        with pytest.raises(BadRecord):
            loads(text)
