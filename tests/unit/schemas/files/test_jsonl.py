import io
import json

import pytest

from model.core.manifest import Input
from schemas.files.jsonl import Reader, Writer
from schemas.files.row import RESULT_NAMES, BadFile, Layout, Row
from schemas.result import Result
from schemas.validation import BatchValidator
from tests.facts import FEATURES, INPUTS, ORDER

LINE = json.dumps(ORDER)


def rows(*lines, **layout):
    return list(Reader(lines, Layout(INPUTS, **layout)))


def results(row, result):
    """The text of a file of this result."""
    stream = io.StringIO()
    Writer(stream, None, rejected=False).results([(row, result)])
    return stream.getvalue()


def rejected(*lines):
    """The text of a file of these lines, rejected."""
    stream = io.StringIO()
    Writer(stream, None, rejected=True).rejects([(row, "why") for row in rows(*lines)])
    return stream.getvalue()


def with_note(text):
    return f'{LINE[:-1]}, "note": {text}}}'


def test_a_line_is_an_order_and_all_its_names():
    line = with_note('{"by": "rail"}')
    assert rows(line) == [Row(1, [line], ORDER)]


@pytest.mark.parametrize("blank", ["", "\n", "  \n", "\t\r\n"])
def test_blank_lines_are_skipped_and_counted(blank):
    assert [(row.line, row.order) for row in rows(blank, LINE + "\n", blank, f"  {LINE}\r\n")] == [(2, ORDER), (4, ORDER)]


def test_a_missing_name_is_left_to_validation():
    (row,) = rows('{"order_id": "A-104", "backlog": 3}')
    assert (row.order, row.fault) == ({"order_id": "A-104", "backlog": 3}, None)


FAULTS = {
    "not_json": [
        *("order", "{", LINE + LINE, "\ufeff" + LINE, "[" * 100_000),
        *(text for space in "\u00a0\u2003\f\v\x1c\u3000" for text in (space + LINE, LINE + space)),
        *map(with_note, ("NaN", "Infinity", "-Infinity", '[{"a": [NaN]}]')),  # A carried value must be JSON too.
    ],
    "not_an_object": ["null", "3", '"A-104"', "[]", f"[{LINE}]", "NaN", "true"],
    "not_utf8": ['{"order_id": "A\udce9"}'],
    "duplicate_key": [f"{LINE[:-1]}, {member}}}" for member in ('"backlog": 3', '"\\u0062acklog": 4', '"order_id": "A-104"')],
    "reserved_name": [f'{LINE[:-1]}, "{name}": null}}' for name in ("score", "queue", "out_of_range")],
}


@pytest.mark.parametrize(("line", "fault"), [(line, fault) for fault, lines in FAULTS.items() for line in lines])
def test_a_line_that_is_no_order_keeps_its_text_and_the_next_is_read(line, fault):
    assert rows(line, LINE, reserved=RESULT_NAMES) == [Row(1, [line], fault=fault), Row(2, [LINE], ORDER)]


@pytest.mark.parametrize("value", ["NaN", "1e400", "-Infinity"])
def test_a_feature_that_is_not_finite_is_left_to_validation(value):
    (row,) = rows(LINE.replace("3", value))
    assert row.fault is None
    decoded = BatchValidator(INPUTS, 9).decode([row.order])
    assert [(fault.name, fault.code) for fault in decoded.faults] == [("backlog", "not_finite")]


def test_results_follow_the_members_of_the_line_as_it_was_read():
    line = '{"weather_severity":1, "note": [1.10, "é", "\\ud800"], "backlog": 3e0,"order_id": "\\u0041", "route_disruption": 2'
    (row,) = rows(f"  {line}  }} \r\n")
    result = Result("A", 0.1 + 0.2, "review", ("backlog",))
    added = ', "score": 0.30000000000000004, "queue": "review", "out_of_range": ["backlog"]}\n'
    assert results(row, result) == line + added


def test_a_rejected_line_is_written_as_the_text_it_was_and_can_be_corrected():
    line = LINE.replace("3", "null")
    found = json.loads(rejected("", line + "\n"))
    assert found == {"line": 2, "reason": "why", "row": line}
    for corrected in (found["row"].replace("null", "3"), rejected("", line + "\n").replace("null", "3")):
        assert [row.order for row in rows(corrected)] == [ORDER]


def test_a_rejected_line_that_is_not_utf8_keeps_its_bytes():
    text = rejected("A\udce9")
    assert text.isascii()
    assert json.loads(text)["row"].encode("utf-8", "surrogateescape") == b"A\xe9"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_carried_value_that_was_read_can_be_written_at_any_depth(opening, closing):
    for depth in range(800, 1000):
        (row,) = rows(with_note(opening * depth + "1" + closing * depth))
        if row.fault is None:
            assert results(row, Result("A", 0.5, "monitor")).endswith('"queue": "monitor"}\n')
        else:
            assert row.fault == "not_json"


def test_integer_ids_are_texts_where_a_column_of_ids_is_given():
    line = LINE.replace('"A-104"', "104")
    assert [row.order["order_id"] for row in (*rows(line), *rows(line, ids_as_text=True))] == [104, "104"]
    for other in ("1.5", "true", "null"):
        (row,) = rows(LINE.replace('"A-104"', other), ids_as_text=True)
        assert row.order["order_id"] == json.loads(other)


def test_names_may_be_other_ones_than_the_model_gives_them():
    (row,) = rows(f'{LINE[:-1]}, "Nr": "B", "open": 7}}', columns={"order_id": "Nr", "backlog": "open"})
    assert row.order == ORDER | {"order_id": "B", "backlog": 7}


@pytest.mark.parametrize("lines", [(), ("\n", " \n")])
def test_a_file_without_any_order_is_rejected(lines):
    with pytest.raises(BadFile, match="the file is empty"):
        rows(*lines)


def test_orders_with_the_same_names_and_no_nested_values_are_read_as_columns():
    lines = [with_note(note) for note in ('"a:b"', "null", "true", "-1.5", "12", '"é"')]
    reader = Reader(lines, Layout(INPUTS, reserved=RESULT_NAMES))
    (block,) = reader.blocks(10)
    columns = reader.columns(block)
    assert (columns.ids, columns.values) == ([ORDER["order_id"]] * 6, [[ORDER[name]] * 6 for name in FEATURES])
    assert list(columns) == reader.rows(block)


NOT_COLUMNS = {
    "a name twice, and a colon that is no character of the text": [f'{LINE[:-1]}, "a": "\\u003a", "a": "\\u003a"}}'],
    "names in another order": [LINE, json.dumps(dict(reversed(ORDER.items())))],
    "another name": [LINE, with_note("1")],
    "a nested value": [with_note("[]")],
    "a name of the output": [f'{LINE[:-1]}, "score": 1}}'],
    "an integer that is no number": [with_note("1" * 400)],
    "an id that is a number": [LINE.replace('"A-104"', "104")],
    "a number that is true": [LINE.replace("3", "true")],
    "two orders": [LINE + LINE],
}


@pytest.mark.parametrize("lines", NOT_COLUMNS.values(), ids=NOT_COLUMNS)
def test_anything_else_is_left_to_reading_row_by_row(lines):
    reader = Reader(lines, Layout(INPUTS, reserved=RESULT_NAMES))
    assert [reader.columns(block) for block in reader.blocks(10)] == [None]


def test_a_rejected_row_of_an_earlier_run_is_never_a_row_of_columns():
    line = json.dumps({"line": 3, "reason": "why", "row": "A"})
    reader = Reader([line], Layout((Input("f"),), columns={"order_id": "row", "f": "line"}))
    (block,) = reader.blocks(1)
    assert reader.columns(block) is None
    assert [row.fault for row in reader.rows(block)] == ["not_json"]


def test_a_context_is_read_as_text_by_columns_and_row_by_row():
    lines = [LINE[:-1] + end + "\n" for end in (', "depot": "EWR"}', ', "depot": null}', "}")]
    reader = Reader(lines, Layout(INPUTS, contexts=("depot",)))
    (block,) = reader.blocks(9)
    assert [row.order.get("depot") for row in reader.rows(block)] == ["EWR", None, None]
    same = Reader(lines[:2], Layout(INPUTS, contexts=("depot",)))
    (block,) = same.blocks(9)
    assert same.columns(block).values[-1] == ["EWR", None]


@pytest.mark.parametrize("value", ["7", "true", '["EWR"]', r'"\ud800"'])
def test_a_context_that_is_no_text_is_not_read_as_a_column(value):
    reader = Reader([f'{LINE[:-1]}, "depot": {value}}}'], Layout(INPUTS, contexts=("depot",)))
    (block,) = reader.blocks(9)
    assert reader.columns(block) is None
