import csv
import io
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.manifest import Feature
from model.errors import NotServable
from schemas.faults import error_list
from schemas.files.row import RESERVED_NAMES, BadFile
from schemas.files.table import FILES
from schemas.formats.format import RequestBody
from schemas.formats.table import FORMATS, JSON, BatchDecoder
from schemas.result import Result
from schemas.validation import BatchValidator
from tests.models import one_input

FEATURES = ("route_disruption", "backlog", "weather_severity")
COLUMNS = ("order_id", *FEATURES)
CONTRACT = BatchValidator(FEATURES, 100)
DOORS = BatchDecoder(CONTRACT)

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


def as_number(text):
    return text, text


def as_text(text):
    return text, json.dumps(text)


NULL = st.just(("", "null"))
VALUES = st.one_of(NUMBERS.map(as_number), NUMBERS.map(as_number), WORDS.map(as_text), NULL)
# Each value is what stands in a cell, beside what stands in JSON.
ORDERS = st.lists(st.tuples(st.one_of(IDS.map(as_text), NULL), VALUES, VALUES, VALUES), min_size=1, max_size=20)


def as_json(order):
    return "{" + ", ".join(f'"{name}": {value[1]}' for name, value in zip(COLUMNS, order, strict=True)) + "}"


def body(text):
    return RequestBody(JSON, text)


def through_body(orders):
    return DOORS.decode(body(f'{{"orders": [{",".join(map(as_json, orders))}]}}'.encode()))


def through_file(kind, text):
    lines = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")
    rows = list(FILES[kind].reader(lines, FEATURES))
    assert [row.fault for row in rows if row.fault] == []
    return CONTRACT.decode([row.order for row in rows])


def through_table(orders):
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *([value[0] for value in order] for order in orders)])
    return through_file("csv", stream.getvalue())


def through_lines(orders):
    return through_file("jsonl", "\n".join(map(as_json, orders)))


def outcome(decoded):
    """All that a door makes of some orders; the bytes of the matrix tell a minus zero from a zero."""
    faults = Counter((fault.position, fault.name, fault.code, fault.order_id) for fault in decoded.faults)
    return decoded.batch.ids, decoded.batch.matrix.tobytes(), list(decoded.positions), faults


@given(ORDERS)
def test_the_same_orders_come_out_the_same_through_every_door(orders):
    expected = outcome(through_body(orders))
    assert outcome(through_table(orders)) == expected
    assert outcome(through_lines(orders)) == expected


@pytest.mark.parametrize("number", ["-0", "-0.0", "0", "-0e0"])
def test_a_zero_is_the_same_through_every_door(number):
    orders = [(as_text("A"), as_number(number), as_number("3"), as_number("1"))]
    decoder = (through_body, through_table, through_lines)
    assert len({through(orders).batch.matrix.tobytes() for through in decoder}) == 1


def test_a_body_tells_its_places_as_json_pointers():
    decoded = DOORS.decode(body(b'{"orders": [{"order_id": "A", "route_disruption": 2, "backlog": 3, "x": 1}]}'))
    _, error = error_list(decoded.faults, FORMATS[decoded.format].locate)
    assert (error["pointer"], error["code"]) == ("/orders/0/x", "unknown_name")


ROWS = {
    "csv": "order_id,note,route_disruption,backlog,weather_severity\nA-104,rail,2.50,3,1\nB-208,,8,x,9\n",
    "jsonl": '{"order_id": "A-104", "note": "rail", "route_disruption": 2.5, "backlog": 3, "weather_severity": 1}\n'
    '{"order_id": "B-208", "note": "", "route_disruption": 8, "backlog": "x", "weather_severity": 9}\n',
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_each_kind_is_read_into_the_same_orders(kind):
    rows = list(FILES[kind].reader(io.StringIO(ROWS[kind]), FEATURES))
    assert [row.order for row in rows] == [
        {"order_id": "A-104", "route_disruption": 2.5, "backlog": 3, "weather_severity": 1},
        {"order_id": "B-208", "route_disruption": 8, "backlog": "x", "weather_severity": 9},
    ]


@pytest.mark.parametrize("kind", FILES)
def test_a_writer_puts_the_result_behind_what_its_reader_read(kind):
    reader = FILES[kind].reader(io.StringIO(ROWS[kind]), FEATURES)
    row, _ = reader
    stream = io.StringIO()
    writer = FILES[kind].writer(stream, reader.columns)
    writer.begin(rejected=False)
    writer.results([(row, Result("A-104", 0.1 + 0.2, "monitor"))])
    assert (
        stream.getvalue()
        == {
            "csv": "order_id,note,route_disruption,backlog,weather_severity,score,queue,out_of_range\n"
            "A-104,rail,2.50,3,1,0.30000000000000004,monitor,\n",
            "jsonl": '{"order_id": "A-104", "note": "rail", "route_disruption": 2.5, "backlog": 3, "weather_severity": 1,'
            ' "score": 0.30000000000000004, "queue": "monitor"}\n',
        }[kind]
    )


def headers(name):
    """What stands over files of results and of refused rows by this format, behind and before the columns of the orders."""
    for refused in (False, True):
        stream = io.StringIO()
        FILES[name].writer(stream, ["order_id"]).begin(rejected=refused)
        yield from stream.getvalue().strip().split(",")


def readable(name, feature):
    """Whether a file in this format can hold orders of a feature of that name."""
    text = {"csv": f"order_id,{feature}\nA,1\n", "jsonl": json.dumps({"order_id": "A", feature: 1})}[name]
    try:
        return [row.order for row in FILES[name].reader(text.splitlines(True), (feature,))] == [{"order_id": "A", feature: 1}]
    except BadFile:
        return False


def servable(feature):
    try:
        one_input(features=[Feature(feature)]).require_risk(RESERVED_NAMES)
    except NotServable:
        return False
    return True


@pytest.mark.parametrize("feature", sorted({*headers("csv"), "backlog", "line", "model_version", "errors"} - {"order_id"}))
def test_a_model_is_served_only_where_every_file_has_room_for_its_features(feature):
    assert servable(feature) is all(readable(name, feature) for name in FILES)
