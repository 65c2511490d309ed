"""What is particular to CSV files: their headers, what is carried, and rejected rows. The grammar is in formats/test_csv.py."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files.csv import Reader, Writer, cell_value, safe_cells
from schemas.files.row import RESERVED_NAMES, BadFile, Row
from schemas.result import Result
from tests.facts import FEATURES
from tests.order_files import opened

HEADER = f"order_id,{','.join(FEATURES)}"


def read(*lines):
    return Reader(opened("\n".join(lines)), FEATURES)


def results(columns, scored):
    """The text of a file of these results."""
    stream = io.StringIO(newline="")
    Writer(stream, columns, rejected=False).results(scored)
    return stream.getvalue()


def rejected(reader, reason, rows=None):
    """The text of a file of these rows, by default all of the reader, rejected for this reason."""
    stream = io.StringIO(newline="")
    Writer(stream, reader.columns, rejected=True).rejects([(row, reason) for row in rows or reader])
    return stream.getvalue()


@pytest.mark.parametrize(("name", "first"), [("note", 2), ('"a\nnote"', 3)])
def test_a_header_and_a_row_may_span_several_lines_and_a_row_is_carried_as_it_is(name, first):
    found = read(f"{HEADER},{name}", 'A,2,3,1,"two\nlines"', '"C\r\nD",2,3,1,"a\n\nb"')
    assert [(row.line, row.source[-1]) for row in found] == [(first, "two\nlines"), (first + 2, "a\n\nb")]


@pytest.mark.parametrize(
    ("line", "fault", "source"),
    [
        *(("A,2,3", "not_csv", ["A", "2", "3"]), ("A,2,3,1,", "not_csv", ["A", "2", "3", "1", ""])),
        *(("A;2;3;1", "not_csv", ["A;2;3;1"]), ('"A"x,2,3,1', "not_csv", ['"A"x,2,3,1\n'])),
        ("A\udce9,2,3,1", "not_utf8", ["A\udce9", "2", "3", "1"]),
    ],
)
def test_a_row_that_cannot_be_read_keeps_its_text_and_the_next_is_read(line, fault, source):
    first, second = read(HEADER, line, "B,2,3,1")
    assert first == Row(2, source, fault=fault)
    assert (second.line, second.source, second.fault) == (3, ["B", "2", "3", "1"], None)


def test_a_quote_that_is_never_closed_makes_one_row_to_the_end():
    first, second = read(HEADER, "A,2,3,1", '"B,2,3,1', "C,2,3,1")
    assert (first.fault, second) == (None, Row(3, ['"B,2,3,1\nC,2,3,1'], fault="not_csv"))


COLUMNS = HEADER.removeprefix("order_id")
ADDED = ("score", "queue", "out_of_range", "refused_line", "refused_reason")
HEADERS = {
    "the header has no column order_id": ["", "\n" + HEADER, "id" + COLUMNS, HEADER.replace(",", ";")],
    "the header has no column backlog": [HEADER.replace("b", "B")],
    "the header has no column weather_severity": [HEADER.replace("weather", " weather")],
    "the header has the same name twice": [HEADER + ",backlog", HEADER + ",note,note"],
    **{f"the header has a column {name}, which is a column of the output": [f"{HEADER},{name}"] for name in ADDED},
    "the first line is not valid CSV": [f'"order_id"x,{HEADER}'],
    "the header is not UTF-8": [HEADER + ",Gr\udcf6\udcdfe"],
}


@pytest.mark.parametrize(("header", "reason"), [(header, reason) for reason, headers in HEADERS.items() for header in headers])
@pytest.mark.parametrize("rest", ["", "\nA,2,3,1\n"])
def test_an_unusable_header_is_rejected_with_the_reason(header, rest, reason):
    with pytest.raises(BadFile) as caught:
        read(header + rest)
    assert str(caught.value) == reason


def test_no_feature_may_have_the_name_of_a_column_that_files_add():
    assert {*ADDED} == RESERVED_NAMES


def test_results_follow_the_columns_as_they_were_read():
    reader = read(HEADER + ",note", "A,2.50,3,1,x", "B,11,-1,1,")
    first, second = reader
    outside = Result("B", 0.9, "review", ("route_disruption", "backlog"))
    assert results(reader.columns, [(first, Result("A", 0.1 + 0.2, "monitor")), (second, outside)]) == (
        "order_id,route_disruption,backlog,weather_severity,note,score,queue,out_of_range\n"
        "A,2.50,3,1,x,0.30000000000000004,monitor,\n"
        "B,11,-1,1,,0.9,review,route_disruption backlog\n"
    )


def test_a_rejected_row_follows_its_line_and_the_reason_and_can_be_corrected():
    text = rejected(read(HEADER + ",note", "A,2,,1,x", "B,2,3,1"), "why")
    assert text == f"refused_line,refused_reason,{HEADER},note\n2,why,A,2,,1,x\n3,why,B,2,3,1\n"
    first, second = read(text.replace("A,2,,1,x", "A,2,3,1,x").replace("B,2,3,1", "B,2,3,1,"))
    assert (first.order, first.fault) == ({"order_id": "A", **dict(zip(FEATURES, (2.0, 3.0, 1.0), strict=True))}, None)
    assert (*second.source[:2], second.order["order_id"]) == ("3", "why", "B")


@pytest.mark.parametrize("column", ["note", "line", "reason"])
def test_a_row_that_is_rejected_again_can_be_corrected_again(column):
    reader = read(f"{HEADER},{column}", "A,2,,1,x")
    for time in ("first", "second", "third"):
        reader = read(rejected(reader, time))
    assert [(row.source, row.order["order_id"]) for row in reader] == [(["2", "third", "A", "2", "", "1", "x"], "A")]


@pytest.mark.parametrize("line", ['2,why,"A"x,2,3,1', "2,why,A,2,3", "A,2", "A"])
def test_a_row_that_is_rejected_again_loses_nothing(line):
    (row,) = read(rejected(read(f"refused_line,refused_reason,{HEADER}", line), "again"))
    assert row.source[:2] == ["2", "again"]
    assert line.removeprefix("2,why,") in ",".join(row.source[2:])


NOTES = ["a\rb", "a\nb", "a\r\nb", "\r", '"', ",", " a ", "\0"]
CELLS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(alphabet='",\r\n\t x')


@pytest.mark.parametrize("note", NOTES)
@given(cells=st.lists(CELLS, min_size=4, max_size=4))
def test_a_row_is_written_so_that_it_is_read_back_with_the_same_cells(note, cells):
    row = Row(7, [*cells, note])
    reader = read(HEADER + ",note")
    scored = results(reader.columns, [(row, Result("A", 0.5, "monitor"))])
    assert list(csv.reader(io.StringIO(scored, newline=""), strict=True))[1:] == [[*row.source, "0.5", "monitor", ""]]
    (found,) = read(rejected(reader, "why", [row]))
    assert found.source == ["7", "why", *row.source]


@given(
    st.lists(
        st.text() | st.floats(allow_nan=False) | st.sampled_from(["=1", "+1", "-1", "-1+1", "@x", "\t=1", "\r=1", "-x", "-"])
    )
)
def test_a_safe_cell_is_no_formula_and_only_text_that_would_be_one_gets_an_apostrophe(cells):
    for before, after in zip(cells, safe_cells(cells), strict=True):
        formula = isinstance(before, str) and before[:1] in [*"=+-@\t\r"] and isinstance(cell_value(before), str)
        assert after == (f"'{before}" if formula else before)
