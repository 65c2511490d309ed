"""The grammar of CSV. Files and request bodies are read by the same grammar, so each example goes through both."""

import csv
import io

import pytest

from model.packaged import packaged_model
from schemas.faults import Fault, MalformedBody
from schemas.files.csv import Reader
from schemas.files.row import BadFile, Layout, Row
from schemas.formats.csv import CsvDecoder, encode
from schemas.validation import BatchValidator
from service.scoring.batch import Options, score_batch
from tests.facts import FEATURES, INPUTS
from tests.order_files import opened

HEADER = f"order_id,{','.join(FEATURES)}"
VALIDATOR = BatchValidator(INPUTS, 100)


def from_file(text):
    return list(Reader(opened(text), Layout(INPUTS)))


def from_body(text):
    return CsvDecoder(VALIDATOR).decode(text.encode("utf-8", "surrogateescape"))


def lines(*texts, end="\n"):
    return end.join([HEADER, *texts])


# Each text has 2, 3 and 1 as the features of every valid order. Expected are the line of each row, and its order id or fault.
NOT_CSV, NOT_UTF8 = Fault("not_csv"), Fault("not_utf8")
GRAMMAR = {
    **{
        f"lines, blank or not, end with {end!r}": (lines("A,2,3,1", "", "", "B,2,3,1", "", end=end), {2: "A", 5: "B"})
        for end in ("\n", "\r\n", "\r")
    },
    "blank lines before the header": ("\n\r\n" + lines("A,2,3,1"), {4: "A"}),
    "a blank line after the header": (lines("", "A,2,3,1"), {3: "A"}),
    "no line end": (lines("A,2,3,1"), {2: "A"}),
    "a byte order mark": ("\ufeff" + lines("A,2,3,1"), {2: "A"}),
    "a quoted header": ('"order_id","route_disruption","backlog","weather_severity"\nA,2,3,1', {2: "A"}),
    "columns in another order": ("weather_severity,order_id,backlog,route_disruption\n1,A,3,2", {2: "A"}),
    "quoted cells": (lines('"A","2","3","1"'), {2: "A"}),
    "a quote in a quoted cell": (lines('"A""x""",2,3,1'), {2: 'A"x"'}),
    "a quote in a cell that is not quoted": (lines('A"x,2,3,1'), {2: 'A"x'}),
    "a comma in a quoted cell": (lines('"A,x",2,3,1'), {2: "A,x"}),
    "line ends in a quoted cell": (
        lines('"A\nx",2,3,1', "B,2,3,1", '"C\r\nx",2,"3",1', '"\n\n",2,3,1', "E,2,3,1"),
        {2: "A\nx", 4: "B", 5: "C\r\nx", 7: "\n\n", 10: "E"},
    ),
    "order ids that are numbers or spaces": (lines("007,2,3,1", "1e3,2,3,1", " ,2,3,1"), {2: "007", 3: "1e3", 4: " "}),
    **{
        f"the row {line!r}": (lines(line, "B,2,3,1"), {2: NOT_CSV, 3: "B"})
        for line in ("A,2,3", "A,2,3,1,", "A", " ", "A;2;3;1")
    },
    "text after a quoted cell": (lines('"A"x,2,3,1', "B,2,3,1"), {2: NOT_CSV, 3: "B"}),
    "another encoding": (lines("A,2,3,1", "B\udce9,2,3,1", "C,2,3,1"), {2: "A", 3: NOT_UTF8, 4: "C"}),
}


@pytest.mark.parametrize(("text", "expected"), GRAMMAR.values(), ids=GRAMMAR)
def test_a_text_has_the_same_rows_in_a_file_and_in_a_body(text, expected):
    rows = from_file(text)
    assert {row.line: Fault(row.fault) if row.fault else row.order["order_id"] for row in rows} == expected
    assert all(list(row.order.values())[1:] == [2.0, 3.0, 1.0] for row in rows if not row.fault)
    faulty = [row.line for row in rows if row.fault]
    if faulty:
        with pytest.raises(MalformedBody, match=f"^line {faulty[0]} "):
            from_body(text)
    else:
        decoded = from_body(text)
        printable = [each for each in expected.values() if each.isprintable()]
        faults = [
            Fault("control_character", at, "order_id") for at, each in enumerate(expected.values()) if each not in printable
        ]
        assert (decoded.batch.ids, decoded.faults, decoded.format) == (printable, faults, "csv")
        assert decoded.batch.matrix.tolist() == [[2.0, 3.0, 1.0]] * len(printable)


def test_a_body_of_a_column_that_is_no_feature_is_rejected_and_a_file_carries_it():
    text = "note,weather_severity,order_id,backlog,,route_disruption\nx,1e0,A,3,,2\n"
    order = {"order_id": "A", "route_disruption": 2.0, "backlog": 3.0, "weather_severity": 1.0}
    assert from_file(text) == [Row(2, ["x", "1e0", "A", "3", "", "2"], order)]
    assert from_body(text).faults == [Fault("unknown_name", path=("",)), Fault("unknown_name", path=("note",))]


def test_nothing_is_read_after_a_cell_that_is_too_long():
    text = lines(f'A,2,3,"{"x" * (csv.field_size_limit() + 1)}', "HIDDEN,5,9,4")
    with pytest.raises(BadFile, match="the cell that begins on line 2 does not end; check for an open quote"):
        from_file(text)
    with pytest.raises(MalformedBody, match="line 2 is not valid CSV"):
        from_body(text)


def read_cell(cell):
    """The value of a feature whose cell has this text: in a file, and in a body, where it may be a fault."""
    text = lines('A,2,"{}",1'.format(cell.replace('"', '""')))
    (row,), decoded = from_file(text), from_body(text)
    return row.order["backlog"], decoded.faults or decoded.batch.matrix[0, 1]


NO_NUMBERS = [
    *("01", "00", "+1", ".5", "1.", "-", "-.5", "1_0", "0x1", "1e", "1e+", "e1", "1,5", "1.2.3", "--1", "1f", "1j"),
    *("NaN", "nan", "inf", "Infinity", "-Infinity", "true", "null", '"1"'),
    *("１", "1２", "1.２", "1e２", "٣", "²", "½", "−1"),
    *(" 1", "1 ", "\t1", "1\n", "1 000", "1\u00a0", "\ufeff1", "1\0"),
]


FAULTS = [
    *((text, float("inf"), "not_finite") for text in ("1e400", "9" * 5000)),
    *((text, text, "not_a_number") for text in NO_NUMBERS),
    ("", None, "null"),
]


@pytest.mark.parametrize(("text", "value", "code"), FAULTS)
def test_any_other_cell_stays_text_and_is_a_fault(text, value, code):
    assert read_cell(text) == (value, [Fault(code, 0, "backlog", "A")])


@pytest.mark.parametrize("partial", [False, True])
def test_an_answer_has_the_bytes_of_the_csv_module_for_any_order_id(partial):
    ids = ["A,1", '"B"', " c ", "é🚚", "'", "A\u20281", "review"]
    body = io.StringIO(newline="")
    csv.writer(body).writerows([("order_id", *FEATURES), *((each, row, 3, 99) for row, each in enumerate(ids))])
    scored = score_batch(packaged_model(), from_body(body.getvalue()), Options("review", partial))
    expected = io.StringIO(newline="")
    shared = (*("delivery-risk", "1.0.0", None, 0.6, "review"), *([""] if partial else []))
    names = (
        "score",
        "queue",
        "out_of_range",
        "model_name",
        "model_version",
        "model_sha256",
        "threshold",
        "out_of_range_policy",
    )
    rows = zip(ids, scored.scores.scores.tolist(), strict=True)
    csv.writer(expected).writerows(
        [
            ("order_id", *names, *(["errors"] if partial else [])),
            *((*row, "review", "weather_severity", *shared) for row in rows),
        ]
    )
    assert encode(scored) == expected.getvalue().encode()
