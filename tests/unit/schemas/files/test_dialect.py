"""Dialects of CSV files. Expected values come from the same orders written with commas and decimal points."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.manifest import Input
from schemas.files.csv import Writer
from schemas.files.csv_reader import Reader
from schemas.files.dialect import COMMAS, Dialect
from schemas.files.row import Layout
from schemas.result import Result
from tests.facts import FEATURES, INPUTS

NAMES = ["order_id", *FEATURES]


def written(rows, delimiter=",", decimal="."):
    stream = io.StringIO(newline="")
    cells = ([cell.replace(".", decimal) for cell in row] for row in rows)
    csv.writer(stream, delimiter=delimiter).writerows([NAMES, *cells])
    return stream.getvalue()


def read(text, **layout):
    notices = []
    reader = Reader(text.splitlines(keepends=True), Layout(INPUTS, notice=notices.append, **layout))
    return reader, list(reader), notices


ROWS = [["A", "2.5", "", "1e-3"], ["B", "-0.25", "7", "1.125"]]
NAMED = {",": None, ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@pytest.mark.parametrize(
    ("delimiter", "name", "decimal"),
    [(*each, mark) for each in NAMED.items() for mark in ".," if (each[0], mark) != (",", ",")],
)
def test_a_dialect_is_recognised_and_announced(delimiter, name, decimal):
    _, rows, notices = read(written(ROWS, delimiter, decimal))
    assert [row.order for row in rows] == [row.order for row in read(written(ROWS))[1]]
    found = ([f"{name} between cells"] if name else []) + (["decimal commas"] if decimal == "," else [])
    assert notices == ([f"recognised {' and '.join(found)}; --delimiter and --decimal set them"] if found else [])


@pytest.mark.parametrize("line", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n"])
def test_a_line_that_names_the_delimiter_is_no_header(line):
    reader, rows, _ = read(line + written(ROWS, ";"))
    assert ([row.line for row in rows], reader.lines) == ([3, 4], 4)


AMBIGUOUS = ["1,234", "-12,345", "123,456", "1,234,567", "1,234.5", "1.234,5"]


@pytest.mark.parametrize("cell", AMBIGUOUS)
def test_a_comma_that_may_separate_thousands_is_never_guessed(cell):
    text = written([["A", "2", "3", "1"], ["B", cell, "3", "1"]], ";")
    _, rows, _ = read(text)
    assert [(row.fault, row.detail) for row in rows] == [(None, ""), ("ambiguous_decimal", "route_disruption")]
    _, (_, decided), _ = read(text, decimal=".")
    assert decided.order["route_disruption"] == cell


def test_an_option_or_another_number_of_the_file_decides_what_a_comma_means():
    for rows, layout in (([["A", "1,234", "3", "1"]], {"decimal": ","}), ([["A", "1,234", "0,5", "1"]], {})):
        _, (row,), _ = read(written(rows, ";"), **layout)
        assert row.order["route_disruption"] == 1.234


def test_numbers_with_commas_and_with_points_decide_nothing():
    _, rows, notices = read(written([["A", "0,5", "1.5", "1"]], ";"))
    assert ([row.fault for row in rows], notices) == (
        ["ambiguous_decimal"],
        ["recognised semicolons between cells; --delimiter and --decimal set them"],
    )


@pytest.mark.parametrize("cell", ["1.5", "1.234", "1.234,5", "01,5", ",5", "1,", "+1", "1 234", "0x1", "inf"])
def test_with_decimal_commas_only_json_numbers_with_a_comma_for_the_point_are_numbers(cell):
    _, (row,), _ = read(written([["A", cell, "3", "1"]], ";"), decimal=",")
    assert row.order["route_disruption"] == cell


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_it_is_written_in_both_dialects(number):
    for dialect in (COMMAS, Dialect(";", ",")):
        assert dialect.value(dialect.number(number), INPUTS[0]) == number


def test_results_have_the_dialect_of_the_orders():
    reader, (row, _), _ = read(written(ROWS, ";", ","))
    stream = io.StringIO()
    Writer(stream, reader, rejected=False, added={"threshold": 0.5}).results([(row, Result("A", 0.75, "review"))])
    header, line = stream.getvalue().splitlines()
    assert (header.split(";")[-1], line) == ("threshold", "A;2,5;;1e-3;0,75;review;;0,5")


def test_a_header_in_no_dialect_is_explained_with_commas():
    with pytest.raises(ValueError, match="the first line has none of the columns"):
        read("a:b:c\n1:2:3\n")


def test_between_commas_a_decimal_comma_must_be_given():
    text = written(ROWS, ",", ",")
    assert [row.order["route_disruption"] for row in read(text)[1]] == ["2,5", "-0,25"]
    assert [row.order["route_disruption"] for row in read(text, decimal=",")[1]] == [2.5, -0.25]


CELLS = st.sampled_from(
    [
        *("1", "-0", "0.5", "2e3", "1E-2", "2,5", "", "1,2,3", "1,", ",", "01", "1.", ".5", "1e", "+1", "1_0", "inf"),
        *(" 1", "1 ", "1 2", "1\t", "1\n", "[1]", "1]"),
    ]
)


NUMBERS = st.lists(CELLS, min_size=1, max_size=4) | st.lists(st.floats(allow_nan=False).map(repr), min_size=1)
KINDS = [Input("x"), Input("x", missing=1.0), Input("x", kind="category", values=("1",), unknown="none")]


@pytest.mark.parametrize("of", KINDS)
@given(NUMBERS, st.sampled_from([".", ",", None]))
def test_the_values_of_many_cells_are_those_of_each_and_none_if_one_is_not_of_the_kind(of, cells, decimal):
    dialect = Dialect(";", decimal)
    values = [dialect.value(cell, of) for cell in cells]
    kinds = ((str if of.kind == "category" else float), *((type(None),) if of.optional else ()))
    assert dialect.values(cells, of) == (values if all(isinstance(value, kinds) for value in values) else None)
