import io
import json
from bisect import bisect_left
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.batch import Batch
from model.core.manifest import SCORE_EDGES, ZSCORE_EDGES, Input, InputCounts
from model.core.network import Network
from schemas.files.row import Layout
from schemas.files.table import FILES
from service.offline import chunks
from service.offline.baseline import BaselineBuilder
from tests.models import layer, model_of
from tests.raw_orders import plain_counts, preparations, raw_model, raw_orders

NAMES = ("backlog", "distance")
MODEL = model_of(
    Network([layer([[1.0, 0.5]], [0.0])]), scale=[1.0, 2.0], inputs=[Input("backlog", maximum=9.0), Input("distance")]
)
number = st.floats(-30, 30, allow_subnormal=False)
orders = st.lists(st.tuples(number, number, st.booleans()), min_size=1, max_size=60)


def built_from(kind, text, model=MODEL, policy="review"):
    found = BaselineBuilder(model, "late")
    found.read(FILES[kind].reader(io.StringIO(text, newline=""), Layout(MODEL.manifest.inputs)), policy)
    return found


def built(rows, **given):
    valid = [{"order_id": str(at), "backlog": b, "distance": d, "late": late} for at, (b, d, late) in enumerate(rows)]
    return built_from("jsonl", "".join(json.dumps(row) + "\n" for row in valid), **given)


def plain(rows):
    """The same by a plain loop: counts of scores and z-scores by bin, and sums and late orders of the scores' bins."""
    scores, sums, late = [0] * 21, [0.0] * 21, [0] * 21
    zscores = {name: [0] * 16 for name in NAMES}
    for backlog, distance, was_late in rows:
        score = float(MODEL.score(Batch(["o"], np.array([[backlog, distance]]) + 0.0)).scores[0])
        at = bisect_left(SCORE_EDGES, score)
        scores[at] += 1
        sums[at] += score
        late[at] += was_late
        for name, z in zip(NAMES, (backlog, distance / 2.0), strict=True):
            zscores[name][bisect_left(ZSCORE_EDGES, z)] += 1
    return scores, sums, late, zscores


@given(orders)
def test_a_baseline_is_what_a_plain_loop_counts(rows):
    found = built(rows, policy="flag").baseline()
    scores, sums, late, zscores = plain(rows)
    assert (found.orders, found.scores.counts) == (len(rows), tuple(scores))
    assert {name: list(each.counts) for name, each in found.zscores.items()} == zscores
    bins = zip((0.0, *SCORE_EDGES), (*SCORE_EDGES, inf), scores, sums, late, strict=False)
    assert [(row.to, row.orders, row.mean_score, row.observed_rate) for row in found.calibration] == [
        (to, count, min(max(total / count, above), to), of_them / count) for above, to, count, total, of_them in bins if count
    ]


@given(orders)
def test_the_size_of_chunks_changes_nothing(rows):
    whole = built(rows).baseline()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", 3)
        assert built(rows).baseline() == whole


@settings(max_examples=30)
@given(st.data())
def test_inputs_are_counted_as_a_plain_loop_counts_them(data):
    inputs, features = data.draw(preparations())
    rows = data.draw(raw_orders(inputs, most=8))
    found = BaselineBuilder(raw_model(inputs, features, rows[0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", 3)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        found.read(FILES["jsonl"].reader(io.StringIO(text, newline=""), Layout(inputs)), "flag")
    expected = plain_counts(inputs, rows)
    assert found.baseline().inputs == {name: InputCounts(**counts) for name, counts in expected.items()}
    assert list(found.baseline().inputs) == list(expected)


@pytest.mark.parametrize(("policy", "orders", "review"), [("review", 3, 2), ("flag", 3, 1), ("refuse", 2, 1)])
def test_orders_go_to_review_by_the_policy(policy, orders, review):
    found = built([(10.0, -60.0, True), (1.0, 1.0, True), (-1.0, 0.0, False)], policy=policy)
    assert (found.orders, found.review, found.rejected) == (orders, review, 3 - orders)


def table(labels):
    return "order_id,late,backlog,distance\n" + "".join(f"{at},{label},1,2\n" for at, label in enumerate(labels))


@pytest.mark.parametrize("labels", ["01", ["0.0", "1.0"], ["false", "true"], ["False", "True"], ["FALSE", "TRUE"]], ids=str)
def test_a_label_of_a_csv_file_is_0_or_1_or_a_boolean(labels):
    found = built_from("csv", table(labels))
    assert (found.orders, found.unlabelled) == (2, [])
    assert [row.observed_rate for row in found.baseline().calibration] == [0.5]


@pytest.mark.parametrize("label", ["", "2", "yes", "-1", "1x", "0.5", "NaN", " 1"])
def test_a_row_with_another_label_is_named_by_its_line(label):
    assert built_from("csv", table(["0", label, "1"])).unlabelled == [3]


@pytest.mark.parametrize("label", ["null", "2", '"late"', "[1]", "{}", "1e400", "NaN", "9" * 5000])
def test_a_json_line_with_another_label_is_named_by_its_number(label):
    order = '{{"order_id": "{}", "backlog": 1, "distance": 2{}}}\n'
    found = built_from("jsonl", order.format("a", f', "late": {label}') + order.format("b", ""))
    assert sorted(found.unlabelled + [row.line for row, _ in found.first_rejected]) == [1, 2]


def test_the_label_of_a_rejected_row_is_not_read():
    found = built_from("csv", "order_id,late,backlog,distance\na,1,1,1\nb,,,1\n")
    assert (found.orders, found.rejected, found.unlabelled) == (1, 1, [])


def test_the_mean_of_equal_scores_at_the_end_of_a_bin_stays_in_it():
    edge = model_of(Network([layer([[0.0, 0.0]], [float(np.log(0.15 / 0.85))])]), inputs=MODEL.manifest.inputs)
    (row,) = built([(1.0, 1.0, True)] * 999, model=edge).baseline().calibration
    assert row.to - 0.05 <= row.mean_score <= row.to
