"""The join of decisions and outcomes, against a plain loop over all pairs of them."""

import json
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artifact import model_file
from schemas import decision_record, outcome
from service.decisions.reading import NoLog
from service.offline.evaluation.of_log import joined
from tests.decisions import recorded, scored_batch
from tests.model_files import GOOD
from tests.raw_orders import raw_model

BEGIN = datetime(2026, 11, 29, 22, tzinfo=UTC)
IDS, HOURS = st.sampled_from("ABCDEF"), st.integers(0, 6)
OUTCOMES = st.lists(st.tuples(IDS, HOURS, st.booleans(), st.none() | st.booleans()), max_size=12)
DECISIONS = st.lists(
    st.tuples(HOURS, st.dictionaries(IDS, st.sampled_from(["review", "monitor", "held out"]), min_size=1)), max_size=8
)


def at(hours):
    return BEGIN + timedelta(hours=hours)


def decision(number, hours, queues, sha256="1" * 64):
    """A record of these orders, whose scores are unlike those of any other."""
    held_out = [place for place, queue in enumerate(queues.values()) if queue == "held out"]
    return {
        "v": 1,
        "at": at(hours).isoformat(),
        "decision_id": f"{number:03}",
        "request_id": "r",
        "service_version": "1",
        "arithmetic": 1,
        "model": {"name": "m", "version": "1", "sha256": sha256},
        "threshold": 0.5,
        "policy": "review",
        "inputs": ["a"],
        "order_ids": [*queues],
        "values": [[1.0] * len(queues)],
        "logits": [0.0] * len(queues),
        "scores": [number + place / 10 for place in range(len(queues))],
        "queues": ["review" if queue == "review" else "monitor" for queue in queues.values()],
        **({"holdout": {"share": 0.25, "orders": held_out}} if held_out else {}),
    }


def received(number, order_id, hours, late, acted_on):
    row = {"order_id": order_id, "late": late, "at": at(hours).isoformat(), "acted_on": acted_on}
    return outcome.record(outcome.load([row]), at(100 + number), "r")


def written(folder, decisions, outcomes):
    """A log of these records, each in a file of its own."""
    for number, record in enumerate(decisions):
        (folder / f"decisions-{random.randbytes(8).hex()}-0-{number}.jsonl").write_text(json.dumps(record) + "\n")
    for number, record in enumerate(outcomes):
        (folder / f"outcomes-{random.randbytes(8).hex()}-0-{number}.jsonl").write_bytes(outcome.dumps(record))
    return [str(folder)]


def by_hand(decisions, outcomes):
    """What is known of each order that has an outcome and a decision at or before it."""
    found = {}
    for order_id in {each[0] for each in outcomes}:
        _, known, late, acted_on = max(
            ((hours, number), hours, late, acted)
            for number, (other, hours, late, acted) in enumerate(outcomes)
            if other == order_id
        )
        before = []
        for number, (hours, queues) in enumerate(decisions):
            for place, (other, queue) in enumerate(queues.items()):
                if other == order_id and hours <= known:
                    before.append((hours, number, place, queue))
        if before:
            hours, number, place, queue = min(before)
            found[order_id] = (
                *(number + place / 10, late, queue == "review", queue == "held out"),
                *((queue == "review") if acted_on is None else acted_on, at(hours).date().isoformat()),
            )
    return found


@given(DECISIONS, OUTCOMES)
def test_the_last_outcome_of_an_order_belongs_to_its_first_decision_before_it(tmp_path_factory, decisions, outcomes):
    folder = tmp_path_factory.mktemp("log")
    records = [decision(number, *each) for number, each in enumerate(decisions)]
    found = joined(written(folder, records, [received(number, *each) for number, each in enumerate(outcomes)]))
    orders, expected = found.orders, by_hand(decisions, outcomes)
    columns = orders.scores, orders.late, orders.review, orders.holdout, orders.acted_on
    dates = [orders.day_names[day] for day in orders.days]
    assert dict(zip(orders.ids, zip(*(each.tolist() for each in columns), dates, strict=True), strict=True)) == expected
    assert [*orders.day_names] == sorted(set(dates))
    assert orders.share == (0.25 if orders.holdout.any() else 0)
    known = {each[0] for each in outcomes}
    assert found.left_out.without_decision == len(known) - len(expected)
    rows = [order_id for _, queues in decisions for order_id in queues]
    assert found.left_out.without_outcome == sum(order_id not in known for order_id in rows)
    assert len(orders) + found.left_out.not_first + found.left_out.without_outcome == len(rows)


def test_what_cannot_be_joined_is_counted_and_said(tmp_path):
    records = [
        decision(0, 0, {"A": "review"}),
        {**decision(1, 0, {"B": "review"}), "order_ids": None, "omitted": ["order_ids"]},
        {**decision(2, 0, {"Z": "review"}), "generated_ids": True},
    ]
    paths = written(tmp_path, records, [received(0, "A", 1, True, None), received(1, "Z", 1, True, None)])
    (tmp_path / "decisions-torn-0-0.jsonl").write_text('{"v": 9}\n{"v": 1, "at"')
    (tmp_path / "outcomes-torn-0-0.jsonl").write_text("{}\n{")
    found = joined(paths)
    left_out = found.left_out
    assert (left_out.without_ids, left_out.torn, left_out.unreadable, left_out.without_decision) == (2, 2, 2, 1)
    assert len(left_out.notes()) == 4
    assert "2 records have no order ids, so no outcome finds them." in left_out.notes()
    with pytest.raises(NoLog):
        joined([str(tmp_path / "nowhere")])


def test_files_are_joined_by_their_lines_whatever_they_are_named(tmp_path):
    lines = json.dumps(decision(0, 0, {"A": "review"})).encode() + b"\n" + outcome.dumps(received(0, "A", 1, True, None))
    (tmp_path / "all").write_bytes(lines)
    found = joined([str(tmp_path / "all")])
    assert (found.orders.ids, found.left_out.notes()) == (["A"], [])


def test_orders_of_several_models_are_kept_apart(tmp_path):
    records = [decision(0, 0, {"A": "review"}), decision(1, 4, dict.fromkeys("BC", "monitor"), "2" * 64)]
    found = joined(written(tmp_path, records, [received(n, order_id, 6, n == 1, None) for n, order_id in enumerate("ABC")]))
    assert [each.sha256[0] for each in found.models] == ["2", "1"]
    first, second = found.of_model(0), found.of_model(1)
    assert (first.ids, first.day_names, first.days.tolist()) == (["B", "C"], ["2026-11-30"], [0, 0])
    assert (second.ids, second.day_names, second.late.tolist()) == (["A"], ["2026-11-29"], [False])


@pytest.mark.parametrize("count", [3, 150])
def test_the_inputs_are_those_that_were_scored(tmp_path, count):
    scored = scored_batch(count)
    (tmp_path / "decisions-0-0-0.jsonl").write_bytes(decision_record.dumps(recorded(scored)))
    rows = [{"order_id": f"A-{at}", "late": False, "at": "2027-01-01T00:00:00Z"} for at in range(1, count)]
    (tmp_path / "outcomes-0-0-0.jsonl").write_bytes(outcome.dumps(outcome.record(outcome.load(rows), BEGIN, "r")))
    model = model_file.loads(GOOD)
    found = joined([str(tmp_path)], model).orders
    at = [scored.decoded.batch.ids.index(each) for each in found.ids]
    assert set(found.ids) == {row["order_id"] for row in rows}
    assert np.array_equal(found.x, scored.decoded.batch.matrix[at])
    assert np.array_equal(found.scores, np.array(scored.scores.values)[at])
    other = joined([str(tmp_path)], raw_model())
    assert (len(other.orders), other.left_out.without_values, other.orders.x.shape[0]) == (0, count - 1, 0)


def test_records_without_values_are_joined_only_where_no_inputs_are_needed(tmp_path):
    (tmp_path / "decisions-0-0-0.jsonl").write_bytes(decision_record.dumps(recorded(scored_batch(2), ["values"])))
    rows = [{"order_id": "A-1", "late": True, "at": "2027-01-01T00:00:00Z"}]
    (tmp_path / "outcomes-0-0-0.jsonl").write_bytes(outcome.dumps(outcome.record(outcome.load(rows), BEGIN, "r")))
    assert joined([str(tmp_path)]).orders.x.shape == (1, 0)
    found = joined([str(tmp_path)], model_file.loads(GOOD))
    assert (len(found.orders), found.left_out.without_values) == (0, 1)
