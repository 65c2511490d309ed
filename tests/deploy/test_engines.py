"""The programs of the page about Ray Data and Spark give each order the bits that `delivery-risk score` gives it."""

import json
import random
import subprocess
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.artifact import model_file
from tests.deploy import engines
from tests.raw_orders import raw_model
from tests.servers import SERVE

pytestmark = pytest.mark.deploy

ROWS, FILES = 4000, 3
THRESHOLD = 0.9999  # about that of the median order
NAMED = ("out_of_range", "imputed", "unknown")
QUICK_START = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"}
"""What Java compiles further pays only where Spark runs longer."""


def drawn(draw, number):
    """An order with gaps, out of range or with categories that the model does not know, for one of which it is rejected."""
    return {
        "order_id": f"O-{number:04d}",
        "backlog": draw.choice([None, float(draw.randrange(70))]),
        "distance": draw.choice([-0.5, draw.uniform(0, 900)]),
        "carrier": "ZZ" if draw.random() < 0.01 else draw.choice(["AA", "B:6", "ü"]),
        "depot": draw.choice(["EWR", "JFK", "LGA", None]),
        "size": draw.choice(["S", "L", None]),
        "month": draw.randint(1, 12),
        "planner": draw.choice(["Ann", "Bo"]),
    }


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A folder with a model, orders in Parquet files, and what `score` writes of the same in JSON lines."""
    folder, draw = tmp_path_factory.mktemp("engines"), random.Random(0)
    rows = [drawn(draw, number) for number in range(ROWS)]
    model = raw_model()
    model_file.write(replace(model, manifest=replace(model.manifest, threshold=THRESHOLD)), folder / "model.npz")
    (folder / "in").mkdir()
    size = -(-ROWS // FILES)
    for number in range(FILES):
        table = pa.Table.from_pylist(rows[number * size : (number + 1) * size])
        pq.write_table(table, folder / "in" / f"{number}.parquet", row_group_size=500)
    (folder / "orders.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [SERVE[0], "score", folder / "orders.jsonl", "--model", folder / "model.npz", "--out", folder / "scored.jsonl"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 1  # some are rejected
    return folder


def read(path):
    """Objects by order id."""
    return {row["order_id"]: row for row in map(json.loads, path.read_text().splitlines())}


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_an_engine_writes_the_results_of_score_and_the_rejected_rows(engine, known, tmp_path):
    engines.run(engine, known / "model.npz", known / "in", tmp_path / "out", **QUICK_START)
    results = pq.read_table(tmp_path / "out" / "rows=results", partitioning=None).to_pylist()
    expected = read(known / "scored.jsonl")
    assert len(results) == len(expected)
    for row in results:
        scored = {name: [] for name in NAMED} | {"refused_reason": None} | expected[row["order_id"]]
        assert row == scored
    rejected = pq.read_table(tmp_path / "out" / "rows=rejected", partitioning=None).to_pylist()
    assert {row["order_id"] for row in rejected} == read(known / "orders.jsonl").keys() - expected.keys()
    assert rejected
    assert all("carrier" in row["refused_reason"] for row in rejected)
