import csv
import io
import json
from bisect import bisect_left
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.core.baseline import SCORE_EDGES, ZSCORE_EDGES
from model.core.manifest import Feature
from model.core.network import Network
from schemas.files.row import BadFile
from schemas.formats.table import FILES
from schemas.validation import BatchValidator
from service.offline import chunks
from service.offline.baseline import NAMED, build_baseline
from tests.models import layer, model_of

NAMES = ("backlog", "distance")
MODEL = model_of(
    Network([layer([[1.0, 0.5]], [0.0])]), scale=[1.0, 2.0], features=[Feature("backlog", maximum=9.0), Feature("distance")]
)
number = st.floats(-30, 30, allow_subnormal=False)
orders = st.lists(st.tuples(number, number, st.booleans()), min_size=1, max_size=60)


def read(kind, text):
    return FILES[kind].reader(io.StringIO(text, newline=""), NAMES)


def as_lines(rows):
    return [{"order_id": str(at), "backlog": b, "distance": d, "late": late} for at, (b, d, late) in enumerate(rows)]


def built(rows, policy="review", label="late"):
    return build_baseline(MODEL, read("jsonl", "".join(json.dumps(row) + "\n" for row in as_lines(rows))), policy, label)


def plain(rows):
    """The same by a plain loop: counts of scores and z-scores by bin, and sums and late orders of the scores' bins."""
    scores, sums, late = [0] * 21, [0.0] * 21, [0] * 21
    zscores = {name: [0] * 16 for name in NAMES}
    for backlog, distance, was_late in rows:
        found = MODEL.score(one(backlog, distance))
        score = float(found.scores[0])
        at = bisect_left(SCORE_EDGES, score)
        scores[at] += 1
        sums[at] += score
        late[at] += was_late
        for name, z in zip(NAMES, (backlog, distance / 2.0), strict=True):
            zscores[name][bisect_left(ZSCORE_EDGES, z)] += 1
    return scores, sums, late, zscores


def one(backlog, distance):
    return BatchValidator(NAMES, 1).decode([{"order_id": "o", "backlog": backlog, "distance": distance}]).batch


@given(orders)
def test_a_reference_is_what_a_plain_loop_counts(rows):
    found = built(rows, "flag").reference()
    scores, sums, late, zscores = plain(rows)
    assert (found.orders, found.scores.counts) == (len(rows), tuple(scores))
    assert {name: list(each.counts) for name, each in found.zscores.items()} == zscores
    bins = zip((0.0, *SCORE_EDGES), (*SCORE_EDGES, inf), scores, sums, late, strict=False)
    assert [(row.to, row.orders, row.mean_score, row.observed_rate) for row in found.calibration] == [
        (to, count, min(max(total / count, above), to), of_them / count) for above, to, count, total, of_them in bins if count
    ]


@given(orders)
def test_chunks_make_no_difference(rows):
    whole = built(rows).reference()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", 3)
        assert built(rows).reference() == whole


@pytest.mark.parametrize(("policy", "orders", "review"), [("review", 3, 2), ("flag", 3, 1), ("refuse", 2, 1)])
def test_orders_go_to_review_as_the_policy_sends_them(policy, orders, review):
    found = built([(10.0, -60.0, True), (1.0, 1.0, True), (-1.0, 0.0, False)], policy)
    assert (found.orders, found.review, found.refused) == (orders, review, 3 - orders)


def test_without_a_label_there_is_no_calibration():
    assert built([(1.0, 1.0, True)], label=None).reference().calibration == ()


def test_refused_rows_are_counted_and_the_first_are_told_with_their_line_and_reason():
    rows = as_lines([(1.0, 1.0, True)]) + [{"order_id": f"bad-{at}", "backlog": None, "distance": 1} for at in range(NAMED + 5)]
    found = build_baseline(MODEL, read("jsonl", "".join(json.dumps(row) + "\n" for row in rows)), "review", "late")
    assert (found.orders, found.refused, len(found.refusals)) == (1, NAMED + 5, NAMED)
    row, reason = found.refusals[0]
    assert (row.line, reason) == (2, "backlog: null (must not be null or empty)")


def table(labels, header="late"):
    text = io.StringIO()
    csv.writer(text).writerows([["order_id", header, *NAMES], *([str(at), label, 1, 2] for at, label in enumerate(labels))])
    return text.getvalue()


@pytest.mark.parametrize("labels", ["01", ["0.0", "1.0"], ["false", "true"], ["False", "True"], ["FALSE", "TRUE"]], ids=str)
def test_a_label_of_a_table_is_zero_or_one_or_a_truth(labels):
    found = build_baseline(MODEL, read("csv", table(labels)), "review", "late")
    assert (found.orders, found.unlabelled) == (2, [])
    assert [row.observed_rate for row in found.reference().calibration] == [0.5]


@pytest.mark.parametrize("label", ["", "2", "yes", "-1", "1x", "0.5", "NaN", " 1"])
def test_a_row_with_another_label_is_told_by_its_line(label):
    assert build_baseline(MODEL, read("csv", table(["0", label, "1"])), "review", "late").unlabelled == [3]


@pytest.mark.parametrize("label", ["null", "2", '"late"', "[1]", "{}", "1e400", "NaN", "9" * 5000])
def test_a_line_with_another_label_is_told_by_its_number(label):
    text = (
        f'{{"order_id": "a", "backlog": 1, "distance": 2, "late": {label}}}\n{{"order_id": "b", "backlog": 1, "distance": 2}}\n'
    )
    found = build_baseline(MODEL, read("jsonl", text), "review", "late")
    refused = [row.line for row, _ in found.refusals]
    assert sorted(found.unlabelled + refused) == [1, 2]


def test_the_label_of_a_refused_row_is_not_asked_for():
    found = build_baseline(MODEL, read("csv", "order_id,late,backlog,distance\na,1,1,1\nb,,,1\n"), "review", "late")
    assert (found.orders, found.refused, found.unlabelled) == (1, 1, [])


def test_a_table_without_the_column_is_refused():
    with pytest.raises(BadFile, match="no column late"):
        build_baseline(MODEL, read("csv", table("01", "delayed")), "review", "late")


def test_the_mean_of_equal_scores_at_the_end_of_a_bin_stays_in_it():
    edge = model_of(Network([layer([[0.0, 0.0]], [float(np.log(0.15 / 0.85))])]), features=MODEL.manifest.features)
    rows = "".join(json.dumps(row) + "\n" for row in as_lines([(1.0, 1.0, True)] * 999))
    found = build_baseline(edge, read("jsonl", rows), "review", "late").reference()
    (row,) = found.calibration
    assert row.to - 0.05 <= row.mean_score <= row.to
