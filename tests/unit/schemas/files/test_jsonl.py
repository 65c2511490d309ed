import io
import json

import pytest

from schemas.files.jsonl import Reader, Writer
from schemas.files.row import Row
from schemas.result import Result
from schemas.validation import BatchValidator

FEATURES = ("route_disruption", "backlog", "weather_severity")
ORDER = {"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}
LINE = json.dumps(ORDER)


def rows(*lines):
    return list(Reader(lines, FEATURES))


def written(act):
    stream = io.StringIO()
    act(Writer(stream, ("order_id", *FEATURES)))
    return stream.getvalue()


def with_note(text):
    return f'{LINE[:-1]}, "note": {text}}}'


def test_a_line_is_an_order_and_all_its_names():
    line = with_note('{"by": "rail"}')
    assert rows(line) == [Row(1, [line], ORDER)]


def test_the_columns_are_those_of_an_order():
    assert list(Reader([], FEATURES).columns) == ["order_id", *FEATURES]


@pytest.mark.parametrize("blank", ["", "\n", "  \n", "\t\r\n"])
def test_blank_lines_are_passed_over_but_counted(blank):
    assert [(row.line, row.order) for row in rows(blank, LINE + "\n", blank, f"  {LINE}\r\n")] == [(2, ORDER), (4, ORDER)]


def test_a_missing_name_is_left_to_the_schema():
    (row,) = rows('{"order_id": "A-104", "backlog": 3}')
    assert (row.order, row.fault) == ({"order_id": "A-104", "backlog": 3}, None)


@pytest.mark.parametrize(
    "line",
    ["order", "{", LINE + ",", LINE + LINE, LINE[:-1] + ",}", "{'order_id': 1}", "\ufeff" + LINE, "// " + LINE, "[" * 100_000],
    ids=lambda line: line[:20],
)
def test_a_line_that_is_not_json_is_a_fault_of_its_own(line):
    assert [(row.line, row.source, row.order, row.fault) for row in rows(line, LINE)] == [
        (1, [line], {}, "not_json"),
        (2, [LINE], ORDER, None),
    ]


@pytest.mark.parametrize("line", ["null", "3", '"A-104"', "[]", f"[{LINE}]", "NaN", "true"])
def test_a_line_that_is_no_object_is_a_fault(line):
    assert [(row.order, row.fault) for row in rows(line)] == [({}, "not_an_object")]


@pytest.mark.parametrize("space", ["\u00a0", "\u2003", "\f", "\v", "\x1c", "\u3000"])
def test_only_the_white_space_of_json_may_stand_around_an_order(space):
    assert [row.fault for row in rows(space + LINE + space)] == ["not_json"]


def test_a_line_that_is_not_utf8_is_a_fault_and_keeps_its_bytes():
    (row,) = rows('{"order_id": "A\udce9"}\n')
    assert (row.fault, row.order) == ("not_utf8", {})
    assert row.source[0].encode("utf-8", "surrogateescape") == b'{"order_id": "A\xe9"}'


@pytest.mark.parametrize("repeated", ['"backlog": 3', '"\\u0062acklog": 4', '"order_id": "A-104"'])
def test_a_line_with_a_name_given_twice_is_a_fault(repeated):
    assert [(row.order, row.fault) for row in rows(f"{LINE[:-1]}, {repeated}}}")] == [({}, "duplicate_key")]


@pytest.mark.parametrize("name", ["score", "queue", "out_of_range"])
def test_a_line_with_a_name_of_the_answer_is_a_fault(name):
    assert [(row.order, row.fault) for row in rows(f'{LINE[:-1]}, "{name}": null}}')] == [({}, "reserved_name")]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '[{"a": [NaN]}]'])
def test_a_carried_name_that_holds_no_json_is_a_fault(value):
    assert [(row.order, row.fault) for row in rows(with_note(value))] == [({}, "not_json")]


@pytest.mark.parametrize("value", ["NaN", "1e400", "-Infinity"])
def test_a_feature_that_is_not_finite_is_left_to_the_schema(value):
    (row,) = rows(LINE.replace("3", value))
    assert row.fault is None
    decoded = BatchValidator(FEATURES, 9).decode([row.order])
    assert [(fault.name, fault.code) for fault in decoded.faults] == [("backlog", "not_finite")]


def test_results_stand_behind_the_line_as_it_stood():
    line = '{"weather_severity":1, "note": [1.10, "é", "\\ud800"], "backlog": 3e0,"order_id": "\\u0041", "route_disruption": 2'
    (row,) = rows(f"  {line}  }} \r\n")
    result = Result("A", 0.1 + 0.2, "review", ("backlog",))
    assert written(lambda writer: writer.results([(row, result)])) == (
        line + ', "score": 0.30000000000000004, "queue": "review", "out_of_range": ["backlog"]}\n'
    )


@pytest.mark.parametrize("refused", [True, False])
def test_there_is_no_header(refused):
    assert written(lambda writer: writer.begin(rejected=refused)) == ""


def test_a_refused_line_is_told_as_the_text_it_was_and_can_be_mended():
    line = LINE.replace("3", "null")
    text = written(lambda writer: writer.rejects([(row, "why") for row in rows("", line + "\n")]))
    refusal = json.loads(text)
    assert refusal == {"line": 2, "reason": "why", "row": line}
    assert [row.order for row in rows(refusal["row"].replace("null", "3"))] == [ORDER]


def test_a_refused_line_that_is_not_utf8_gives_its_bytes_back():
    text = written(lambda writer: writer.rejects([(row, "why") for row in rows("A\udce9")]))
    assert text.isascii()
    assert json.loads(text)["row"].encode("utf-8", "surrogateescape") == b"A\xe9"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_carried_name_that_was_read_can_be_written_however_deep_it_nests(opening, closing):
    for depth in range(800, 1000):
        (row,) = rows(with_note(opening * depth + "1" + closing * depth))
        if row.fault is None:
            assert written(lambda writer, row=row: writer.results([(row, Result("A", 0.5, "monitor"))])).endswith(
                '"queue": "monitor"}\n'
            )
        else:
            assert row.fault == "not_json"
