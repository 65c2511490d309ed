"""The orders that the benchmark of bulk repeats, the plain loop over them, and the comparison of its results."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.artifact import model_file
from model.core.manifest import Input
from model.core.network import Network
from tests import oracle
from tests.benchmarks import bulk, bulk_orders
from tests.benchmarks.peers import plain_bulk, plain_bulk_raw
from tests.models import layer, model_of, plain

THREE = pa.table({"order_id": ["A", "B", "C"], "backlog": [1, 2, 3], "wind": [0.5, 9.0, -1.0]})


def test_orders_are_repeated_in_turn_with_an_id_each():
    tables = [*bulk_orders.repeated(THREE, 7, 2)]
    assert [len(table) for table in tables] == [4, 3]
    found = pa.concat_tables(tables).to_pydict()
    assert found["order_id"] == ["A-0", "B-0", "C-0", "A-1", "B-1", "C-1", "A-2"]
    assert found["backlog"] == [1, 2, 3, 1, 2, 3, 1]


@pytest.fixture
def scored(tmp_path):
    """The results of three orders by the plain loop, in a folder; the model has a range that the second exceeds."""
    network = Network([layer([[0.5, -0.25], [1.0, 1.0]], [0.0, 0.5], "relu"), layer([[1.0, -0.5]], [0.1])])
    model = model_of(network, [1.0, 2.0], [2.0, 4.0], inputs=[Input("backlog"), Input("wind", minimum=-1.0, maximum=8.0)])
    file, source, target = tmp_path / "model.npz", tmp_path / "in", tmp_path / "out"
    model_file.write(model, file)
    source.mkdir()
    target.mkdir()
    pq.write_table(THREE, source / "orders.parquet", row_group_size=2)
    plain_bulk.main(plain_bulk.scored, file, source, target)
    return model, target


def test_the_plain_loop_writes_the_results_of_the_oracle_beside_the_columns(scored):
    model, folder = scored
    table = pq.read_table(folder / "orders.parquet")
    assert table.select(THREE.column_names).equals(THREE)
    rows = zip(THREE["backlog"].to_pylist(), THREE["wind"].to_pylist(), strict=True)
    standardized = [oracle.zscores(row, [1.0, 2.0], [2.0, 4.0]) for row in rows]
    expected = [oracle.outputs(plain(model.network), "sigmoid", z)[0] for z in standardized]
    assert table["score"].to_pylist() == pytest.approx(expected, abs=1e-12)
    outside = [[], ["wind"], []]
    assert table["out_of_range"].to_pylist() == outside
    reviewed = [score >= 0.5 or bool(names) for score, names in zip(expected, outside, strict=True)]
    assert table["queue"].to_pylist() == [("monitor", "review")[each] for each in reviewed]


def test_the_plain_loop_over_raw_orders_gives_the_scores_of_the_training_script(real_data, tmp_path):
    (tmp_path / "out").mkdir()
    bulk_orders.write("raw", tmp_path / "in", 2000, 1)
    model = bulk.import_model("raw", tmp_path)
    plain_bulk.main(plain_bulk_raw.scored, model, tmp_path / "in", tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "orders-00.parquet")
    assert table["score"].to_pylist() == pytest.approx(table["p_reference"].to_pylist(), abs=1e-12)
    gaps = [name for name in model_file.read(model).manifest.input_names if table[name].null_count]
    imputed = [[name for name in gaps if row[name] is None] for row in table.select(gaps).to_pylist()]
    assert table["imputed"].to_pylist() == imputed


OTHERS = {
    "order_id": ["A", "B", "D"],
    "backlog": [1, 2, 4],
    "score": [0.5, 0.5, 0.5 + 1e-9],
    "queue": pa.array(["monitor", "review", "review"]).dictionary_encode(),
    "out_of_range": [[], ["wind"], ["wind"]],
}
RESULTS = {"score": [0.5] * 3, "queue": ["monitor", "review", "monitor"], "out_of_range": [[], ["wind"], []]}


def written(folder, **columns):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(THREE.to_pydict() | RESULTS | columns), folder / "orders.parquet")
    return folder


def test_results_agree_in_any_encoding_and_with_scores_to_12_places(tmp_path):
    queues = pa.array(RESULTS["queue"]).dictionary_encode()
    other = written(tmp_path / "other", queue=queues, score=[0.5, 0.5, 0.5 + 1e-13])
    bulk_orders.compare(written(tmp_path / "one"), other)


@pytest.mark.parametrize("name", OTHERS)
def test_a_column_that_differs_is_named(name, tmp_path):
    with pytest.raises(bulk_orders.Differs, match=name):
        bulk_orders.compare(written(tmp_path / "one"), written(tmp_path / "other", **{name: OTHERS[name]}))


def test_results_with_a_row_or_a_file_or_a_column_less_differ(tmp_path):
    one, other = written(tmp_path / "one"), written(tmp_path / "other")
    table = pq.read_table(other / "orders.parquet")
    pq.write_table(table.slice(1), other / "orders.parquet")
    with pytest.raises(bulk_orders.Differs):
        bulk_orders.compare(one, other)
    pq.write_table(table.drop_columns("wind"), other / "orders.parquet")
    with pytest.raises(bulk_orders.Differs, match="columns"):
        bulk_orders.compare(one, other)
    (other / "orders.parquet").rename(other / "other.parquet")
    with pytest.raises(bulk_orders.Differs, match="files"):
        bulk_orders.compare(one, other)
