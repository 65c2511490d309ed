"""delivery-risk decisions export: a row for each order, with the numbers of the log."""

import json
import sys
from base64 import b64decode

import numpy as np
import pytest
from pyarrow import parquet

from tests.recorded_log import LOG


def numbers(column):
    return np.frombuffer(b64decode(column), "<f8").tolist() if isinstance(column, str) else column


@pytest.mark.parametrize("rows", [1, 100, 2**16])
def test_each_order_has_a_row_with_its_numbers(run, monkeypatch, rows):
    monkeypatch.setattr("service.cli.decisions.export.ROWS", rows)
    assert run("decisions", "export", LOG, "--parquet", "out.parquet").exit_code == 0
    records = [json.loads(line) for path in sorted(LOG.iterdir()) for line in path.read_bytes().splitlines()]
    file = parquet.ParquetFile("out.parquet")
    assert (file.num_row_groups == 1) == (rows > 1064)
    table = file.read()
    assert table["score"].to_pylist() == [score for record in records for score in numbers(record["scores"])]
    assert table["decision_id"].to_pylist() == [record["decision_id"] for record in records for _ in record["queues"]]
    ids = [order_id for record in records for order_id in record.get("order_ids", [None] * len(record["queues"]))]
    assert table["order_id"].to_pylist() == ids
    at = ids.index("raw-2")
    row = table.slice(at, 1).to_pylist()[0]
    given = {"backlog": None, "distance": 1e4, "carrier": "ü", "depot": None, "size": None, "month": 13.0}
    assert {name: row[name] for name in given} == given
    assert (row["imputed"], row["context_region"], row["f0"]) == (["backlog", "depot", "size"], "north", None)


def test_without_pyarrow_the_error_names_the_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = run("decisions", "export", LOG, "--parquet", "out.parquet")
    assert done.exit_code == 2
    assert "delivery-risk[parquet]" in done.stderr


def test_a_line_that_cannot_be_read_leaves_no_file(run, tmp_path):
    (tmp_path / "decisions.jsonl").write_bytes(next(LOG.iterdir()).read_bytes() + b"{}\n")
    done = run("decisions", "export", "decisions.jsonl", "--parquet", "out.parquet")
    assert done.exit_code == 2
    assert "not a decision record" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["decisions.jsonl"]
