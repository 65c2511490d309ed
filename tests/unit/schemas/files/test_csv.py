"""What is particular to CSV files: their headers, what is carried, and rejected rows. The grammar is in formats/test_csv.py."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.packaged import packaged_model
from schemas.files.csv import Writer, safe_cells
from schemas.files.csv_reader import Reader
from schemas.files.dialect import cell_value
from schemas.files.row import RESULT_NAMES, BadFile, Layout, Row, reserved_names
from schemas.result import Result
from tests.facts import FEATURES, INPUTS
from tests.order_files import opened

HEADER = f"order_id,{','.join(FEATURES)}"


def read(*lines, **layout):
    return Reader(opened("\n".join(lines)), Layout(INPUTS, **layout))


def results(reader, scored, **options):
    """The text of a file of these results."""
    stream = io.StringIO(newline="")
    Writer(stream, reader, rejected=False, **options).results(scored)
    return stream.getvalue()


def rejected(reader, reason, rows=None):
    """The text of a file of these rows, by default all of the reader, rejected for this reason."""
    stream = io.StringIO(newline="")
    Writer(stream, reader, rejected=True).rejects([(row, reason) for row in rows or reader])
    return stream.getvalue()


@pytest.mark.parametrize(("name", "first"), [("note", 2), ('"a\nnote"', 3)])
def test_a_header_and_a_row_may_span_several_lines_and_a_row_is_carried_as_it_is(name, first):
    found = read(f"{HEADER},{name}", 'A,2,3,1,"two\nlines"', '"C\r\nD",2,3,1,"a\n\nb"')
    assert [(row.line, row.source[-1]) for row in found] == [(first, "two\nlines"), (first + 2, "a\n\nb")]


@pytest.mark.parametrize(
    ("line", "fault", "source", "detail"),
    [
        ("A,2,3", "not_csv", ["A", "2", "3"], "it has 3 cells, the header 4"),
        ("A,2,3,1,", "not_csv", ["A", "2", "3", "1", ""], "it has 5 cells, the header 4"),
        ("A;2;3;1", "not_csv", ["A;2;3;1"], "it has 1 cells, the header 4"),
        ('"A"x,2,3,1', "not_csv", ['"A"x,2,3,1\n'], ""),
        ("A\udce9,2,3,1", "not_utf8", ["A\udce9", "2", "3", "1"], ""),
    ],
)
def test_a_row_that_cannot_be_read_keeps_its_text_and_the_next_is_read(line, fault, source, detail):
    first, second = read(HEADER, line, "B,2,3,1")
    assert first == Row(2, source, fault=fault, detail=detail)
    assert (second.line, second.source, second.fault) == (3, ["B", "2", "3", "1"], None)


OPEN = {
    "in the row itself": (3, ['"B,2,3,1', "C,2,3,1"]),
    "behind a cell of two lines": (4, ['"B\nb",2,"3,1', "C,2,3,1"]),
    "behind a pair of quotes": (3, ['"B""b",2,"""3,1', "C,2,3,1"]),
    "behind a quote that is a character": (3, ['B",2,"3,1', "C,2,3,1"]),
    "on the last line": (3, ['B,2,3,"1']),
    "for longer than a cell may be": (3, ['B,2,3,"', *["C,2,3,1"] * 20_000]),
}


@pytest.mark.parametrize(("line", "lines"), OPEN.values(), ids=OPEN)
def test_a_quote_that_is_never_closed_ends_the_file_with_the_line_it_opens_on(line, lines):
    found = iter(read(HEADER, "A,2,3,1", *lines))
    assert next(found).order["order_id"] == "A"
    with pytest.raises(BadFile) as caught:
        next(found)
    assert str(caught.value) == f"the cell that begins on line {line} does not end; check for an open quote"


@pytest.mark.parametrize(
    ("inner", "warned"),
    [(["B,8,7,9,ok", 'C,2,3,1,ends"'], True), (["on two lines, ok", 'of a note"'], False), (['a,b,c,d,e"'], False)],
)
def test_a_row_with_lines_that_look_like_rows_is_warned_of(inner, warned):
    notices = []
    (row,) = read(HEADER + ",note", 'A,2,3,1,"12 inch', *inner, notice=notices.append)
    assert row.fault is None
    expected = f"lines 2 to {2 + len(inner)} are one row, but look like several: check its quotes"
    assert notices == [expected] * warned


def test_of_many_rows_with_lines_that_look_like_rows_the_first_are_listed():
    notices = []
    list(read(HEADER + ",note", *['A,2,3,1,"', 'B,2,3,1,"'] * 20, notice=notices.append))
    assert (len(notices), notices[-1]) == (11, "there are more such rows")


def test_all_lines_are_counted():
    reader = read("", HEADER, "", "A,2,3,1", '"B\nb",2,3,1', "", " ")
    list(reader)
    assert reader.lines == 8


COLUMNS = HEADER.removeprefix("order_id")
ADDED = ("score", "queue", "out_of_range", "refused_line", "refused_reason")
HEADERS = {
    "the first line has none of the columns order_id, route_disruption, backlog, weather_severity; it must be a header": [
        *("A,2,3,1", "A-104,Müller,Gasse,12"),
    ],
    "the header has no column order_id (if it is column 1, give --id 'id')": ["id" + COLUMNS],
    "the header has no column order_id (if it is column 1, give --id '')": [COLUMNS],
    "the header has no column order_id": ["customer" + COLUMNS],
    "the header has no column backlog (if it is column 3, give --rename backlog='Backlog')": [HEADER.replace("b", "B")],
    "the header has no column backlog (if it is column 3, give --rename backlog='Backlog [orders]')": [
        HEADER.replace("backlog", "Backlog [orders]")
    ],
    "the header has no column order_id (if it is column 1, give --id 'Order ID'); it has no column weather_severity (if it is "
    "column 4, give --rename weather_severity=' weather severity'); it has backlog more than once, in columns 3, 5": [
        f"Order ID{COLUMNS},backlog".replace("weather_", " weather ")
    ],
    "the header has backlog more than once, in columns 3, 5": [HEADER + ",backlog"],
    **{f"the header has a column {name}, which is a column of the output; rename it": [f"{HEADER},{name}"] for name in ADDED},
    "the header is not valid CSV; check for a quote that is open or out of place": [f'"order_id"x,{HEADER}'],
    "the header is not UTF-8": [HEADER + ",Gr\udcf6\udcdfe"],
}


@pytest.mark.parametrize(("header", "reason"), [(header, reason) for reason, headers in HEADERS.items() for header in headers])
@pytest.mark.parametrize("rest", ["", "\nA,2,3,1\n"])
def test_an_unusable_header_is_rejected_with_the_reason(header, rest, reason):
    with pytest.raises(BadFile) as caught:
        read(header + rest, reserved=RESULT_NAMES)
    assert str(caught.value) == reason


@pytest.mark.parametrize("lines", [(), ("", "", "")])
def test_a_file_without_a_header_is_rejected(lines):
    with pytest.raises(BadFile, match="the file is empty: it has no header"):
        read(*lines)


def test_no_feature_may_have_the_name_of_a_column_that_files_add():
    assert {*ADDED} == reserved_names(packaged_model().manifest)


def test_results_follow_the_columns_as_they_were_read():
    reader = read(HEADER + ",note", "A,2.50,3,1,x", "B,11,-1,1,")
    first, second = reader
    outside = Result("B", 0.9, "review", ("route_disruption", "backlog"))
    assert results(reader, [(first, Result("A", 0.1 + 0.2, "monitor")), (second, outside)]) == (
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
    scored = results(reader, [(row, Result("A", 0.5, "monitor"))])
    assert list(csv.reader(io.StringIO(scored, newline=""), strict=True))[1:] == [[*row.source, "0.5", "monitor", ""]]
    (found,) = read(rejected(reader, "why", [row]))
    assert found.source == ["7", "why", *row.source]


FORMULAS = ["=1", "+1", "-1", "-1+1", "@x", "\t=1", "\r=1", "-x", "-", "＝1", "＋1", "－1", "＠x"]


@given(st.lists(st.text() | st.floats(allow_nan=False) | st.sampled_from(FORMULAS)))
def test_a_safe_cell_is_no_formula_and_only_text_that_would_be_one_gets_an_apostrophe(cells):
    for before, after in zip(cells, safe_cells(cells), strict=True):
        formula = isinstance(before, str) and before[:1] in [*"=+-@＝＋－＠\t\r"] and isinstance(cell_value(before), str)
        assert after == (f"'{before}" if formula else before)


@pytest.mark.parametrize("names", [",", "note,note", "Unnamed: 0,"])
def test_columns_that_are_only_copied_may_have_any_names(names):
    (row,) = read(f"{HEADER},{names}", "A,2,3,1,x,y")
    assert results(read(f"{HEADER},{names}"), [(row, Result("A", 0.5, "monitor"))]).splitlines() == [
        f"{HEADER},{names},score,queue,out_of_range",
        "A,2,3,1,x,y,0.5,monitor,",
    ]


def test_columns_may_have_other_names_than_the_model_gives_them():
    columns = {"order_id": "Nr", "backlog": "open orders"}
    (row,) = read("backlog,Nr,weather_severity,open orders,route_disruption", "9,A,1,3,2", columns=columns)
    assert row.order == {"order_id": "A", "route_disruption": 2, "backlog": 3, "weather_severity": 1}


def test_what_is_added_to_results_follows_them_and_is_a_reserved_name_only_then():
    added = {"model_version": "7", "threshold": 0.5}
    (row,) = read(HEADER, "A,2,3,1", reserved=(*RESULT_NAMES, *added))
    assert results(read(HEADER), [(row, Result("A", 0.25, "monitor"))], added=added).splitlines() == [
        f"{HEADER},score,queue,out_of_range,model_version,threshold",
        "A,2,3,1,0.25,monitor,,7,0.5",
    ]
    assert read(HEADER + ",threshold").header[-1] == "threshold"
    with pytest.raises(BadFile):
        read(HEADER + ",threshold", reserved=(*RESULT_NAMES, *added))


def test_a_context_is_read_as_text_and_an_empty_cell_is_none_by_columns_and_row_by_row():
    lines = [HEADER + ",Depot", "A,2,3,1,07", "B,2,3,1,"]
    reader = read(*lines, contexts=("depot",), columns={"depot": "Depot"})
    (block,) = reader.blocks(9)
    assert reader.columns(block).values[-1] == ["07", None]
    assert reader.columns(block).take([1]).values[-1] == [None]
    assert [row.order["depot"] for row in reader.rows(block)] == ["07", None]


def test_a_column_of_the_context_that_is_missing_is_named():
    with pytest.raises(BadFile, match="the header has no column depot"):
        read(HEADER, contexts=("depot",))
