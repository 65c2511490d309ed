"""Record batches, scored: the oracle is the same orders as JSON, validated and scored as one batch."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.manifest import Feature, Input
from model.core.network import Network
from schemas.files.row import BadFile
from schemas.result import POLICIES, results
from schemas.validation import BatchValidator
from service.bulk.arrow_batch import ArrowScorer
from service.scoring.batch import Options, score_batch
from tests.arrow_columns import any_orders, records
from tests.models import layer, model_of
from tests.raw_orders import FEATURES, INPUTS, ORDERS, preparations, raw_model

RAW = raw_model()
MEMBERS = ("out_of_range", "imputed", "unknown")
_REASON = re.compile(r"(?:^|; )(?:([a-z0-9_]+): )?([a-z_]+) \(")


def scored(batch, model=RAW, policy="review", **given):
    return ArrowScorer(model, policy, batch.schema)(batch, **given)


def by_json(model, orders, policy):
    """The results of the orders by id, and the names and codes of what is wrong with each other one by position."""
    found = score_batch(model, BatchValidator(model.manifest.inputs, 10_000).decode(orders), Options(policy))
    faults = {at: [(each.name or "", each.code) for each in every] for at, every in found.decoded.by_position().items()}
    return {each.order_id: each for each in results(found)}, faults, found.scores.reviews


def with_rows(batch):
    """The batch with a column of the numbers of its rows."""
    return batch.append_column("row", pa.array(range(len(batch)), pa.int16()))


def raw(count=4, **columns):
    """Valid orders of the model RAW as a record batch, with these columns in place of others or after them."""
    names = ("order_id", *(each.name for each in INPUTS))
    orders = [ORDERS[at % 2] | {"order_id": f"O-{at}"} for at in range(count)]
    return pa.record_batch({name: pa.array([order.get(name) for order in orders]) for name in names} | columns)


@settings(max_examples=200)
@given(st.data())
def test_orders_have_the_bits_the_queue_the_names_and_the_faults_that_they_have_in_json_and_none_is_lost(data):
    inputs, features = data.draw(preparations() | st.just((INPUTS, FEATURES)))
    orders = data.draw(any_orders(inputs))
    example = {each.name: each.values[0] if each.values else 1.0 for each in inputs}
    model, policy = raw_model(inputs, features, example), data.draw(st.sampled_from(POLICIES))
    first = data.draw(st.integers(1, 2**40))
    found = scored(with_rows(data.draw(records(orders, inputs))), model, policy, first=first)
    expected, faults, reviews = by_json(model, orders, policy)

    rows = found.results.to_pylist()
    assert {row["order_id"]: np.float64(row["score"]).tobytes() for row in rows} == {
        order_id: np.float64(each.score).tobytes() for order_id, each in expected.items()
    }
    assert {row["order_id"]: row["queue"] for row in rows} == {order_id: each.queue for order_id, each in expected.items()}
    for member in set(MEMBERS) & set(found.results.schema.names):
        assert [tuple(row[member]) for row in rows] == [getattr(expected[row["order_id"]], member) for row in rows]
    assert all(
        not getattr(each, member) for each in expected.values() for member in set(MEMBERS) - {*found.results.schema.names}
    )
    assert found.reviews == reviews == sum(row["queue"] == "review" for row in rows)

    rejected = found.rejected.to_pylist()
    assert {row["row"]: _REASON.findall(row["refused_reason"]) for row in rejected} == faults
    assert [row["refused_line"] for row in rejected] == [first + row["row"] for row in rejected]
    for part in (rows, rejected):
        assert [row["row"] for row in part] == sorted(row["row"] for row in part)
    assert sorted(row["row"] for row in rows + rejected) == list(range(len(orders)))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_an_order_of_a_model_of_numbers_has_the_bits_that_it_has_alone(activation):
    model = model_of(Network([layer([[1.5, -0.25], [0.1, 3.0]], [0.1, 0.2], activation), layer([[1.0, -2.0]], [0.3])]))
    draw = np.random.default_rng(1).normal(size=(200, 2))
    batch = pa.record_batch({"order_id": pa.array(range(200)), "f0": pa.array(draw[:, 0]), "f1": pa.array(draw[:, 1])})
    for count in (1, 2, 33, 200):
        found = scored(batch[:count], model).results
        alone = [
            by_json(model, [{"order_id": "a", "f0": x, "f1": y}], "review")[0]["a"].score for x, y in draw[:count].tolist()
        ]
        assert found.column("score").to_pylist() == alone


def test_a_row_that_is_repeated_names_the_first_and_has_no_score():
    batch = with_rows(raw(5, distance=pa.array([1.0, 2.0, None, None, 3.0])))
    found = scored(batch, first=101, repeated={1: 7, 3: 12})
    assert found.results.column("row").to_pylist() == [0, 4]
    rejected = found.rejected.to_pylist()
    assert [(row["row"], row["refused_line"]) for row in rejected] == [(1, 102), (2, 103), (3, 104)]
    assert [row["refused_reason"] for row in rejected] == [
        "order_id: duplicate_order_id (another order of the batch has the same order_id), on line 7",
        "distance: null (must not be null or empty)",
        "order_id: duplicate_order_id (another order of the batch has the same order_id), on line 12",
    ]


@pytest.mark.parametrize("rejected", [[], [0], [1, 2], [0, 1, 2, 3]])
def test_the_results_and_the_rejects_have_their_types_even_without_rows(rejected):
    batch = raw(4, distance=pa.array([None if at in rejected else 1.0 for at in range(4)]))
    scorer = ArrowScorer(RAW, "review", batch.schema)
    found = scorer(batch)
    assert (found.results.schema.equals(scorer.results, True), found.rejected.schema.equals(scorer.rejects, True)) == (
        True,
        True,
    )
    assert (len(found.results), len(found.rejected)) == (4 - len(rejected), len(rejected))
    assert scorer.results.field("queue").type == pa.dictionary(pa.int8(), pa.string())


def test_an_empty_batch_has_no_results():
    found = scored(
        raw(0, order_id=pa.array([], pa.string()), carrier=pa.array([], pa.string()), distance=pa.array([], pa.int8()))
    )
    assert (len(found.results), len(found.rejected), found.reviews) == (0, 0, 0)


OVERFLOWING = model_of(Network([layer([[1e308, 1e308]], [0.0])]), inputs=[Input("a", minimum=-1.0, maximum=1.0), Input("b")])


@pytest.mark.parametrize(
    ("policy", "codes", "queues"),
    [
        ("refuse", {1: [("a", "out_of_range")], 2: [("", "out_of_numeric_range")]}, ["monitor"]),
        ("review", {2: [("", "out_of_numeric_range")]}, ["monitor", "review"]),
        ("flag", {2: [("", "out_of_numeric_range")]}, ["monitor", "monitor"]),
    ],
)
def test_the_policy_decides_on_orders_outside_the_range_and_none_takes_a_sum_that_overflows(policy, codes, queues):
    numbers = {"a": pa.array([-1.0, -1.5, 1.0]), "b": pa.array([0.0, 0.0, 1e300])}
    found = scored(with_rows(pa.record_batch({"order_id": pa.array(["x", "y", "z"]), **numbers})), OVERFLOWING, policy)
    assert {row["row"]: _REASON.findall(row["refused_reason"]) for row in found.rejected.to_pylist()} == codes
    assert found.results.column("queue").to_pylist() == queues
    if policy != "refuse":
        assert found.results.column("out_of_range").to_pylist() == [[], ["a"]]


def test_a_logarithm_of_minus_one_names_the_input():
    model = raw_model([Input("x")], [Feature("log", "x", "log1p")], {"x": 1.0})
    found = scored(pa.record_batch({"order_id": pa.array(["a", "b"]), "x": pa.array([-1.0, 0.0])}), model)
    assert _REASON.findall(found.rejected.column("refused_reason")[0].as_py()) == [("x", "out_of_numeric_range")]


def test_the_metadata_of_the_results_names_the_model_in_place_of_an_earlier_one():
    before = {"model_name": "another", "model_version": "0", "kept": "as it is", "threshold": "2"}
    batch = raw().replace_schema_metadata(before)
    scorer = ArrowScorer(RAW, "flag", batch.schema)
    assert scorer.results.metadata == {
        b"kept": b"as it is",
        b"model_name": b"raw",
        b"model_version": b"1",
        b"model_sha256": RAW.sha256.encode(),
        b"threshold": b"0.5",
        b"out_of_range_policy": b"flag",
    }
    content = scorer.results.serialize().to_pybytes()
    assert content.count(b"model_name") == 1
    assert scorer.rejects.metadata == {name.encode(): value.encode() for name, value in before.items()}


def test_corrected_rejects_can_be_scored_and_their_rejects_have_the_new_reasons():
    batch = raw(3, distance=pa.array([1.0, None, None]), note=pa.array(["a", "b", "c"]))
    first = scored(batch, first=11).rejected
    assert first.schema.names == ["refused_line", "refused_reason", *batch.schema.names]
    corrected = first.set_column(first.schema.names.index("distance"), "distance", pa.array([2.0, np.nan]))
    found = scored(corrected)
    assert found.results.column("note").to_pylist() == ["b"]
    assert found.results.column("refused_line").to_pylist() == [12]
    assert found.rejected.schema.names == first.schema.names
    assert found.rejected.select(["refused_line", "note"]).to_pylist() == [{"refused_line": 2, "note": "c"}]
    assert found.rejected.column("refused_reason").to_pylist() == [
        "distance: not_finite (must be a finite number within the range of a float64)"
    ]


def test_columns_of_rejects_elsewhere_are_reserved():
    batch = raw()
    for moved in (
        {"refused_line": pa.array([1] * 4)},
        {"refused_reason": pa.array(["x"] * 4), "refused_line": pa.array([1] * 4)},
    ):
        with pytest.raises(BadFile, match="has a column refused_line, which is a column of the output; rename it"):
            scored(pa.record_batch(dict(zip(batch.schema.names, batch.columns, strict=True)) | moved))
