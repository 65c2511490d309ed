import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files.csv import Reader, Writer
from schemas.files.row import BadFile, Row
from schemas.result import Result

FEATURES = ("route_disruption", "backlog", "weather_severity")
HEADER = "order_id,route_disruption,backlog,weather_severity"


def opened(text):
    """The text as the lines of a file, which end at any line break and keep it."""
    raw = io.BytesIO(text.encode("utf-8", "surrogateescape"))
    return io.TextIOWrapper(raw, "utf-8", "surrogateescape", newline="")


def rows(*lines, header=HEADER):
    return list(Reader(opened("\n".join([header, *lines])), FEATURES))


def written(columns, act):
    stream = io.StringIO(newline="")
    act(Writer(stream, columns))
    return stream.getvalue()


def cell(text):
    """What becomes of the text as the cell of a feature."""
    quoted = '"' + text.replace('"', '""') + '"'
    (row,) = rows(f"A-104,2,{quoted},1")
    return row.order["backlog"]


def test_a_row_is_an_order_and_all_its_columns():
    (row,) = rows("A-104,2,3.5,1e0,red", header=HEADER + ",colour")
    assert row == Row(
        line=2,
        source=["A-104", "2", "3.5", "1e0", "red"],
        order={"order_id": "A-104", "route_disruption": 2.0, "backlog": 3.5, "weather_severity": 1.0},
    )


def test_columns_may_stand_in_any_order_among_others():
    (row,) = rows("x,1,A-104,3,,2", header="note,weather_severity,order_id,backlog,,route_disruption")
    assert row.order == {"order_id": "A-104", "route_disruption": 2.0, "backlog": 3.0, "weather_severity": 1.0}
    assert row.source == ["x", "1", "A-104", "3", "", "2"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0),
        ("3", 3.0),
        ("-3", -3.0),
        ("10", 10.0),
        ("2.50", 2.5),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("25e-1", 2.5),
        ("0.1", 0.1),
        ("9007199254740993", 9007199254740992.0),
        ("1e-400", 0.0),
        ("1e400", float("inf")),
        ("9" * 5000, float("inf")),
    ],
)
def test_a_cell_is_a_number_as_json_writes_it(text, number):
    assert cell(text) == number


GRAMMAR = ["01", "00", "+1", ".5", "1.", "-", "-.5", "1_0", "0x1", "1e", "1e+", "e1", "1,5", "1.2.3", "--1", "1f", "1j"]
NAMES = ["NaN", "nan", "inf", "Infinity", "-Infinity", "true", "null", '"1"']
DIGITS = ["１", "1２", "1.２", "1e２", "٣", "²", "½", "−1"]
SPACE = [" 1", "1 ", "\t1", "1\n", "1 000", "1\u00a0", "\ufeff1", "1\0"]


@pytest.mark.parametrize("text", [*GRAMMAR, *NAMES, *DIGITS, *SPACE])
def test_a_cell_that_is_no_json_number_stays_text(text):
    assert cell(text) == text


def test_an_empty_cell_is_null():
    (row,) = rows(',,"",1')
    assert row.order == {"order_id": None, "route_disruption": None, "backlog": None, "weather_severity": 1.0}


def test_an_order_id_stays_text_though_it_looks_like_a_number():
    assert [row.order["order_id"] for row in rows("007,2,3,1", "1e3,2,3,1", " ,2,3,1")] == ["007", "1e3", " "]


def test_a_quoted_cell_may_run_over_several_lines_and_lines_are_counted_as_in_the_file():
    found = rows('A,2,3,1,"two\nlines"', "B,2,3,1,x", '"C\r\nD",2,3,1,"a\n\nb"', "E,2,3,1,x", header=HEADER + ",note")
    assert [(row.line, row.fault) for row in found] == [(2, None), (4, None), (5, None), (9, None)]
    assert (found[0].source[-1], found[2].order["order_id"]) == ("two\nlines", "C\r\nD")


def test_a_header_may_run_over_several_lines():
    (row,) = rows("A,2,3,1,x", header=HEADER + ',"a\nnote"')
    assert (row.line, row.order["order_id"], row.source[-1]) == (3, "A", "x")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_passed_over_but_counted(end):
    text = end.join([HEADER, "", "A,2,3,1", "", "", "B,2,3,1", "", ""])
    assert [(row.line, row.order["order_id"]) for row in Reader(opened(text), FEATURES)] == [(3, "A"), (6, "B")]


@pytest.mark.parametrize("line", ["A,2,3", "A,2,3,1,", "A", " ", "A;2;3;1"])
def test_a_row_of_another_length_than_the_header_is_a_fault_of_its_own(line):
    found = rows(line, "B,2,3,1")
    assert [(row.line, row.fault) for row in found] == [(2, "not_csv"), (3, None)]
    assert ",".join(found[0].source) == line


def test_a_row_that_is_not_csv_is_kept_as_it_stood_and_the_next_is_read():
    found = rows('"A"x,2,3,1', "B,2,3,1")
    assert [(row.line, row.source, row.fault) for row in found] == [
        (2, ['"A"x,2,3,1\n'], "not_csv"),
        (3, ["B", "2", "3", "1"], None),
    ]


def test_a_quote_that_is_never_closed_is_one_fault_to_the_end():
    found = rows("A,2,3,1", '"B,2,3,1', "C,2,3,1")
    assert [(row.line, row.fault) for row in found] == [(2, None), (3, "not_csv")]
    assert found[1].source == ['"B,2,3,1\nC,2,3,1']


def test_a_row_that_is_not_utf8_is_a_fault_and_keeps_its_bytes():
    found = rows("A\udce9,2,3,1", "B,2,3,1")
    assert [(row.line, row.fault) for row in found] == [(2, "not_utf8"), (3, None)]
    assert found[0].source[0].encode("utf-8", "surrogateescape") == b"A\xe9"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "the header has no column order_id"),
        ("\n" + HEADER, "the header has no column order_id"),
        ("id,route_disruption,backlog,weather_severity", "the header has no column order_id"),
        ("order_id,route_disruption,Backlog,weather_severity", "the header has no column backlog"),
        ("order_id,route_disruption,backlog, weather_severity", "the header has no column weather_severity"),
        (HEADER.replace(",", ";"), "the header has no column order_id"),
        (HEADER + ",backlog", "the header has the same name twice"),
        (HEADER + ",note,note", "the header has the same name twice"),
        (HEADER + ",score", "the header has a column score, which is a column of the output"),
        (HEADER + ",queue", "the header has a column queue, which is a column of the output"),
        (HEADER + ",out_of_range", "the header has a column out_of_range, which is a column of the output"),
        ('"order_id"x,' + HEADER, "the first line is not valid CSV"),
    ],
)
def test_a_header_that_cannot_serve_is_refused_with_the_reason(header, reason):
    with pytest.raises(BadFile) as caught:
        Reader(opened(header + "\nA,2,3,1\n"), FEATURES)
    assert str(caught.value) == reason


def test_an_empty_file_has_no_header():
    with pytest.raises(BadFile):
        Reader(opened(""), FEATURES)


def test_a_header_that_is_not_utf8_is_refused():
    with pytest.raises(BadFile):
        Reader(opened(HEADER + ",Gr\udcf6\udcdfe"), FEATURES)


def test_results_stand_behind_the_columns_as_they_came():
    reader = Reader(opened(HEADER + ",note\nA,2.50,3,1,x\nB,11,-1,1,\n"), FEATURES)
    first, second = reader
    out = Result("B", 0.9, "review", ("route_disruption", "backlog"))

    def act(writer):
        writer.begin(rejected=False)
        writer.results([(first, Result("A", 0.1 + 0.2, "monitor")), (second, out)])

    assert written(reader.columns, act) == (
        "order_id,route_disruption,backlog,weather_severity,note,score,queue,out_of_range\n"
        "A,2.50,3,1,x,0.30000000000000004,monitor,\n"
        "B,11,-1,1,,0.9,review,route_disruption backlog\n"
    )


def rejects(reader, reasons):
    def act(writer):
        writer.begin(rejected=True)
        writer.rejects(reasons)

    return written(reader.columns, act)


def test_a_refused_row_stands_behind_its_line_and_the_reason_and_can_be_mended():
    reader = Reader(opened(HEADER + ",note\nA,2,,1,x\nB,2,3,1\n"), FEATURES)
    text = rejects(reader, [(row, "why") for row in reader])
    header, *lines = text.splitlines()
    assert header == "refused_line,refused_reason,order_id,route_disruption,backlog,weather_severity,note"
    assert lines == ["2,why,A,2,,1,x", "3,why,B,2,3,1"]
    mended = text.replace("A,2,,1,x", "A,2,3,1,x").replace("B,2,3,1", "B,2,3,1,")
    first, second = Reader(opened(mended), FEATURES)
    assert (first.order, first.fault) == ({"order_id": "A", **dict(zip(FEATURES, (2.0, 3.0, 1.0), strict=True))}, None)
    assert (*second.source[:2], second.order["order_id"]) == ("3", "why", "B")


def test_a_row_that_is_refused_again_can_be_mended_again():
    reader = Reader(opened(HEADER + "\nA,2,,1\n"), FEATURES)
    for time in ("first", "second", "third"):
        text = rejects(reader, [(row, time) for row in reader])
        reader = Reader(opened(text), FEATURES)
    assert [row.source for row in reader] == [["2", "third", "A", "2", "", "1"]]


@pytest.mark.parametrize("line", ['2,why,"A"x,2,3,1', "2,why,A,2,3", "A,2", "A"])
def test_a_row_that_is_refused_again_loses_nothing(line):
    reader = Reader(opened(f"refused_line,refused_reason,{HEADER}\n{line}\n"), FEATURES)
    (row,) = Reader(opened(rejects(reader, [(row, "again") for row in reader])), FEATURES)
    assert row.source[:2] == ["2", "again"]
    assert line.removeprefix("2,why,") in ",".join(row.source[2:])


@pytest.mark.parametrize("column", ["line", "reason"])
def test_a_refused_row_can_be_mended_though_a_column_is_called_like_one_that_is_added(column):
    reader = Reader(opened(f"{HEADER},{column}\nA,2,,1,x\n"), FEATURES)
    text = rejects(reader, [(row, "why") for row in reader])
    assert [row.order["order_id"] for row in Reader(opened(text), FEATURES)] == ["A"]


@pytest.mark.parametrize("note", ["a\rb", "a\nb", "a\r\nb", "\r", '"', ",", " a ", "\0"])
def test_a_carried_cell_is_written_so_that_it_reads_back(note):
    row = Row(2, ["A", "1", "1", "1", note])
    columns = ["order_id", *FEATURES, "note"]
    text = written(columns, lambda writer: writer.results([(row, Result("A", 0.5, "monitor"))]))
    cells = list(csv.reader(opened(text), strict=True))
    assert cells == [["A", "1", "1", "1", note, "0.5", "monitor", ""]]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=4, max_size=4), st.text(alphabet='",\r\n\t x'))
def test_whatever_the_cells_a_refused_row_comes_back_the_same(cells, note):
    source = [*cells, note]
    reader = Reader([HEADER + ",note\n"], FEATURES)
    (row,) = Reader(opened(rejects(reader, [(Row(7, source), "why")])), FEATURES)
    assert row.source == ["7", "why", *source]


def test_after_a_cell_over_the_limit_nothing_is_taken_for_an_order():
    unclosed = f'A,2,3,1,"{"x" * (csv.field_size_limit() + 1)}'
    with pytest.raises(BadFile, match="line 2 has a cell of over 131072 characters"):
        rows(unclosed, "HIDDEN,5,9,4,x", header=HEADER + ",note")
