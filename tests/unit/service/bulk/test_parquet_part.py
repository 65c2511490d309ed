"""Parquet files, scored: what pyarrow reads of the results, and what is said of files that cannot be scored."""

import decimal
import hashlib
import json
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.files.row import BadFile
from service.bulk import parquet_part
from service.bulk.parquet_part import score_parquet
from service.bulk.part import Counts
from service.bulk.scoring import Scoring
from service.offline.order_files import Given
from tests.facts import ROOT
from tests.raw_orders import INPUTS, ORDERS, raw_model

RAW = raw_model()
MIB = 2**20


def orders(count=20, **columns):
    """Valid orders of the model RAW, with these columns in place of others or after them; None leaves one out."""
    many = [ORDERS[at % 2] | {"order_id": f"O-{at}"} for at in range(count)]
    names = ("order_id", *(each.name for each in INPUTS))
    found = {name: pa.array([order.get(name) for order in many]) for name in names} | columns
    return pa.table({name: each for name, each in found.items() if each is not None})


@pytest.fixture
def scored(tmp_path):
    """Score a table, written as a Parquet file: its results and its rejects, if they are `read`, and the counts."""

    def score(table, policy="review", columns=None, read=True, **written):
        source, results, rejects = (str(tmp_path / name) for name in ("orders", "results", "rejects"))
        pq.write_table(table, source, **written)
        with pa.OSFile(source) as file:
            counts = score_parquet(file, results, rejects, Scoring(RAW, policy, Given(columns=columns or {})))
        return *(pq.read_table(each) if read else None for each in (results, rejects)), counts

    return score


def reject(scored, table, **given):
    with pytest.raises(BadFile) as raised:
        scored(table, **given)
    return str(raised.value)


def test_a_row_is_in_the_results_or_in_the_rejects_wherever_row_groups_and_batches_end(scored, monkeypatch):
    monkeypatch.setattr(parquet_part, "ROWS", 7)
    monkeypatch.setattr(parquet_part, "GROUP", 20)
    invalid = {3, 6, 7, 14, 30, 49}
    ids = ["O-1" if at == 25 else f"O-{at}" for at in range(50)]
    distances = pa.array([None if at in invalid else float(at) for at in range(50)])
    table = orders(50, order_id=pa.array(ids), distance=distances, row=pa.array(range(50)))
    found = []
    for size in (50, 10, 9, 1):
        results, rejects, counts = scored(table, row_group_size=size)
        assert rejects.column("row").to_pylist() == sorted(invalid | {25})
        assert [line - 1 for line in rejects.column("refused_line").to_pylist()] == rejects.column("row").to_pylist()
        assert [reason for reason in rejects.column("refused_reason").to_pylist() if "line" in reason] == [
            "order_id: duplicate_order_id (another order of the batch has the same order_id), on line 2"
        ]
        assert sorted(results.column("row").to_pylist() + rejects.column("row").to_pylist()) == list(range(50))
        review = results.column("queue").to_pylist().count("review")
        assert counts == Counts(50, review, 7)
        found.append((results, rejects))
    assert all(each == found[0] for each in found)


def test_results_have_row_groups_of_about_so_many_rows_and_the_same_bytes_each_time(scored, monkeypatch, tmp_path):
    monkeypatch.setattr(parquet_part, "ROWS", 8)
    monkeypatch.setattr(parquet_part, "GROUP", 20)
    table = orders(100, distance=pa.array([None if at % 10 == 9 else 1.0 for at in range(100)]))
    found = set()
    for _ in range(2):
        scored(table, row_group_size=33)
        metadata = pq.read_metadata(tmp_path / "results")
        sizes = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
        assert sum(sizes) == 90
        assert all(20 <= size < 28 for size in sizes[:-1])
        found.add(tuple(hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("results", "rejects")))
    assert len(found) == 1


def test_a_row_group_that_may_not_fit_into_memory_is_named(scored, monkeypatch):
    table = orders(2000)
    scored(table, row_group_size=1000)
    monkeypatch.setattr(parquet_part, "MOST_BYTES", 6000)
    message = reject(scored, table, row_group_size=1000, use_dictionary=False, compression="none")
    assert message.startswith("row group 0: the column order_id has ")
    assert message.endswith(" bytes, over 6000; write smaller row groups")
    scored(table, row_group_size=200)


@pytest.mark.parametrize("names", [["depot.order_id", "order_id"], ["order_id", "order_id.x"]])
def test_ids_are_those_of_the_column_even_where_another_name_begins_with_it(scored, names):
    others = {name: pa.array(["same"] * 4) for name in names if name != "order_id"}
    nested = {"order_id": pa.array([f"O-{at}" for at in range(4)])} | others | {"depot": None}
    columns = {name: nested[name] for name in names} | {"depot": pa.array(["EWR"] * 4)}
    given = orders(4).drop_columns(["order_id", "depot"])
    table = pa.table(columns | dict(zip(given.column_names, given.columns, strict=True)))
    assert scored(table)[2].rejected == 0


def test_ids_are_those_of_the_column_even_where_a_field_has_its_path(scored):
    nested = pa.array([{"id": "same"}] * 4)
    table = orders(4).rename_columns({"order_id": "order.id"})
    table = pa.table({"order": nested} | dict(zip(table.column_names, table.columns, strict=True)))
    results, _, counts = scored(table, columns={"order_id": "order.id"})
    assert counts.rejected == 0
    assert results.column("order.id").to_pylist() == [f"O-{at}" for at in range(4)]


OTHERS = {
    "text": pa.array(["a", None, "", "é" * 300]),
    "large text": pa.array(["a", None, "", "b"], pa.large_string()),
    "view": pa.array(["a", None, "", "long enough for a buffer"], pa.string_view()),
    "category": pa.array(["x", "y", None, "x"]).dictionary_encode(),
    "ordered": pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 1], pa.int8()), ["low", "high"], ordered=True),
    "list": pa.array([[1, None], None, [], [3]], pa.list_(pa.int16())),
    "list of categories": pa.array([["a", None], None, [], ["b"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    "struct": pa.array([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}, {"a": 2, "b": []}]),
    "map": pa.array([[("a", 1)], None, [], [("b", None)]], pa.map_(pa.string(), pa.int8())),
    "zoned": pa.array([0, None, 10**6, -1], pa.timestamp("us", "Europe/Berlin")),
    "nanoseconds": pa.array([0, None, 1, 2**60], pa.timestamp("ns")),
    "day": pa.array([0, None, 1, 20_000], pa.date32()),
    "time of day": pa.array([0, None, 1, 86_399_999_999], pa.time64("us")),
    "duration": pa.array([0, None, 1, -1], pa.duration("us")),
    "decimal": pa.array(
        [decimal.Decimal("1.50"), None, decimal.Decimal("-9999999.99"), decimal.Decimal(0)], pa.decimal128(9, 2)
    ),
    "bytes": pa.array([b"\xff", None, b"", b"abc"]),
    "fixed bytes": pa.array([b"abc", None, b"\0\0\0", b"def"], pa.binary(3)),
    "flag": pa.array([True, None, False, True]),
    "half": pa.array([0.5, None, float("inf"), -0.0], pa.float16()),
    "not a number": pa.array([float("nan"), None, -0.0, float("-inf")], pa.float32()),
    "large integer": pa.array([2**64 - 1, None, 0, 1], pa.uint64()),
    "nothing": pa.nulls(4),
    "uuid": pa.array([b"0123456789abcdef", None, b"\0" * 16, b"f" * 16], pa.uuid()),
}


@pytest.mark.parametrize("array", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("position", [0, 7])
def test_other_columns_keep_their_types_and_nulls(scored, array, position):
    for distances in ([1.0] * 4, [1.0, None, 2.0, 3.0], [None, 1.0, 2.0, None], [None] * 4):
        table = orders(4, distance=pa.array(distances, pa.float64())).add_column(position, "other", array)
        results, rejects, _ = scored(table)
        for part, kept in ((results, True), (rejects, False)):
            rows = [row for row, each in enumerate(distances) if (each is not None) is kept]
            assert part.schema.field("other").equals(table.schema.field("other"))
            assert repr(part.column("other").to_pylist()) == repr([array[row].as_py() for row in rows])


@pytest.mark.parametrize(
    "of", [pa.list_(pa.dictionary(pa.int32(), pa.string())), pa.struct({"x": pa.dictionary(pa.int8(), pa.string())})]
)
def test_dictionaries_within_others_are_read_over_row_groups(scored, monkeypatch, tmp_path, of):
    monkeypatch.setattr(parquet_part, "ROWS", 7)
    monkeypatch.setattr(parquet_part, "GROUP", 20)
    values = [{"x": f"v{at}"} if pa.types.is_struct(of) else [f"v{at}", "v0"] for at in range(60)]
    table = orders(60, distance=pa.array([None if at % 9 == 0 else 1.0 for at in range(60)]), other=pa.array(values, of))
    scored(table, row_group_size=16, read=False)
    file = pq.ParquetFile(tmp_path / "results")
    groups = [file.read_row_group(number).column("other") for number in range(file.metadata.num_row_groups)]
    assert [value for each in groups for value in each.to_pylist()] == [each for at, each in enumerate(values) if at % 9]
    assert all(each.type.equals(of) for each in groups)


def test_columns_of_one_name_that_no_model_has_are_kept(scored, tmp_path):
    table = orders(4)
    table = pa.Table.from_arrays(
        [*table.columns, pa.array([1, 2, 3, 4]), pa.array(list("abcd"))], [*table.column_names, "n", "n"]
    )
    scored(table, read=False)
    found = pq.ParquetFile(tmp_path / "results").read()
    assert found.column_names[: len(table.column_names)] == table.column_names
    assert [found.column(at).to_pylist() for at in (7, 8)] == [[1, 2, 3, 4], list("abcd")]


def test_results_are_the_columns_of_the_file_and_then_those_of_a_result(scored):
    table = orders(6, note=pa.array(["x"] * 6))
    results, _, _ = scored(table)
    assert results.column_names == [*table.column_names, "score", "queue", "out_of_range", "imputed", "unknown"]
    assert results.select(table.column_names).equals(table)
    assert results.schema.field("score").type == pa.float64()
    assert {**results.schema.metadata}[b"model_sha256"].decode() == RAW.sha256


def test_a_file_of_pandas_is_a_frame_with_the_same_index_and_categories_and_the_results(scored):
    frame = orders(6).to_pandas().astype({"carrier": "category"}).set_index(pd.Index(list("fedcba"), name="row"))
    results, _, _ = scored(pa.Table.from_pandas(frame))
    read = results.to_pandas()
    pd.testing.assert_frame_equal(read[[*frame.columns]], frame)
    assert (read["score"].dtype, read["queue"].dtype) == ("float64", "category")


def test_rejects_that_are_corrected_can_be_scored(scored):
    table = orders(4, distance=pa.array([1.0, None, None, 2.0]), note=pa.array(list("abcd")))
    _, rejects, _ = scored(table)
    corrected = rejects.set_column(rejects.column_names.index("distance"), "distance", pa.array([1.0, None], pa.float64()))
    results, again, counts = scored(corrected)
    assert (counts.rows, counts.rejected) == (2, 1)
    assert results.column("note").to_pylist() == ["b"]
    assert again.column_names == rejects.column_names
    assert again.select(["refused_line", "note"]).to_pylist() == [{"refused_line": 2, "note": "c"}]


def test_a_column_of_another_name_is_read_under_the_name_given_for_it(scored):
    table = orders(4).rename_columns({"distance": "km", "order_id": "number"})
    results, _, _ = scored(table, columns={"distance": "km", "order_id": "number"})
    assert results.column("score").equals(scored(orders(4))[0].column("score"))


def test_a_file_without_rows_has_results_without_rows(scored):
    results, rejects, counts = scored(orders(4)[:0])
    assert (results.num_rows, rejects.num_rows, counts) == (0, 0, Counts())
    assert results.column_names[-5:] == ["score", "queue", "out_of_range", "imputed", "unknown"]


WRONG = {
    "no columns": (pa.table({}), "the file is empty: it has no schema"),
    "another name": (
        orders().rename_columns({"distance": "Distance"}),
        "the schema has no column distance (if it is column 3, give --rename distance='Distance')",
    ),
    "a decimal": (
        orders(4, distance=pa.nulls(4, pa.decimal128(9, 2))),
        "the column distance has the type decimal128(9, 2); cast it to double",
    ),
    "a secret": (orders(1, distance=pa.array(["secret"])), "the column distance has the type string; cast it to double"),
    "an integer": (orders(1, carrier=pa.array([7])), "the column carrier has the type int64; cast it to string"),
    "a number as id": (orders(1, order_id=pa.array([7.5])), "the column order_id has the type double; cast it to string"),
    "a result": (orders(1, score=pa.array([0.5])), "the schema has a column score, which is a column of the output; rename it"),
}


@pytest.mark.parametrize(("table", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_file_is_said_with_the_name_of_the_column_and_no_value(scored, table, message):
    assert reject(scored, table) == message


@pytest.mark.parametrize("column", ["order_id", "carrier"])
def test_a_text_that_is_not_utf_8_is_rejected_with_the_name_of_its_column(scored, column):
    wrong = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\7\0\0\0"), pa.py_buffer(b"secret\xff")])
    assert reject(scored, orders(1, **{column: wrong})) == f"the column {column} is not UTF-8, or is too large"


def test_a_name_that_is_not_utf_8_is_rejected(tmp_path):
    sink = pa.BufferOutputStream()
    pq.write_table(orders(1, other_name=pa.array([1])), sink, store_schema=False)
    content = sink.getvalue().to_pybytes().replace(b"other_name", b"other_\xff\xfe\xff\xff")
    with pytest.raises(BadFile, match=r"^the name of a column is not UTF-8$"):
        score_parquet(pa.BufferReader(content), str(tmp_path / "a"), str(tmp_path / "b"), Scoring(RAW, "review", Given()))


def test_a_page_with_another_checksum_is_not_scored(tmp_path):
    sink = pa.BufferOutputStream()
    written = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(orders(4, note=pa.array(["secret"] * 4)), sink, write_page_checksum=True, **written)
    content = sink.getvalue().to_pybytes().replace(b"secret", b"secreT", 1)
    with pytest.raises(OSError, match="CRC"):
        score_parquet(pa.BufferReader(content), str(tmp_path / "a"), str(tmp_path / "b"), Scoring(RAW, "review", Given()))


@pytest.mark.parametrize(
    ("mutants", "most"),
    [
        (5_000, 64 * MIB),
        pytest.param(100_000, 2048 * MIB, marks=[pytest.mark.long, pytest.mark.longest]),
    ],  # a page has at most 2 GiB
)
def test_a_file_changed_at_random_is_scored_or_fails_by_an_error_that_names_the_part(mutants, most, tmp_path):
    command = [sys.executable, "-m", "tests.parquet_mutants", "0", str(mutants), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["grown"] <= most
    seen = found["seen"]
    assert all(seen[kind] > mutants / 100 for kind in ("scored", "OSError", "ArrowInvalid", "BadFile")), seen
