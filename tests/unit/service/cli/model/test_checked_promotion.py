"""delivery-risk model promote --check-on: exit codes, what is printed, and what the journal has afterwards."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.batch import Batch
from model.core.manifest import Input
from model.registry import journal, versions
from schemas import decision_record, outcome
from schemas.decision_record import About
from schemas.result import queues
from schemas.validation import DecodedBatch
from service.cli.model import checked_promotion
from service.cli.model.logged_orders import NoOrders
from service.offline.promotion_check import judge
from service.scoring.batch import Options, score_batch
from service.scoring.holdout import KeyedChooser
from tests.evaluated_orders import drawn, evaluated
from tests.models import one_input
from tests.registries import publish

BETTER, WORSE = "9", "10"  # the current version is 8, with weight 1; the orders have weight 2


@pytest.fixture
def registry(models, run):
    """A registry of version 8, which is current, a better and a worse one, and an empty log."""
    Path("9.npz").unlink()
    (models / "9.npz").unlink()
    publish(models, BETTER, 2.0)
    publish(models, WORSE, -1.0)
    Path("log").mkdir()
    return models


@pytest.fixture
def of_log(monkeypatch):
    """Let the log have these orders."""

    def of_log(orders):
        def logged(logs, model):
            assert (list(logs), model.manifest.version) == (["log"], "8")
            return orders

        monkeypatch.setattr(checked_promotion, "logged_orders", logged)
        return orders

    return of_log


@pytest.fixture
def orders(of_log):
    return of_log(drawn(11, weight=2.0))


def promote(run, registry, version, *more):
    return run("model", "promote", version, "--in", registry, "--check-on", "log", *more)


def last(registry):
    return json.loads((registry / "JOURNAL.jsonl").read_text().splitlines()[-1])


def test_a_version_that_passes_is_promoted_and_the_numbers_are_printed_and_in_the_journal(run, registry, orders):
    eight, nine = versions.get(registry, "8"), versions.get(registry, BETTER)
    expected = judge(orders, eight, nine, "review").check
    done = promote(run, registry, BETTER, "--message", "learned on autumn")
    assert (done.exit_code, done.stdout) == (0, f"{registry}: 9 is current (sha256 {nine.sha256})\n")
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["checked", "brier", "difference", "reviews"]
    assert expected.low is not None
    for number in (f"{expected.late:,} of them late", f"{expected.brier_after:.6f}", f"{expected.low:+.6f}"):
        assert number in done.stderr
    assert last(registry)["check"] == {
        "against": eight.sha256,
        "orders": 3000,
        "late": expected.late,
        "days": 30,
        "brier_before": expected.brier_before,
        "brier_after": expected.brier_after,
        "difference": expected.difference,
        "low": expected.low,
        "high": expected.high,
        "reviews_a_day": expected.reviews_a_day,
        "failed": [],
        "forced": False,
    }
    assert expected.high is not None
    assert expected.high < 0
    (*_, entry), ignored = journal.read(registry)
    assert (entry.check, entry.made, ignored) == (expected, True, ())
    *_, line = run("model", "log", "--in", registry).stdout.splitlines()
    assert "  learned on autumn [checked: 3,000 orders, " in line
    assert f"Brier {expected.brier_before:.6f} -> {expected.brier_after:.6f}" in line


def test_a_version_that_is_surely_worse_is_not_promoted_and_exits_with_1(run, registry, orders):
    before = (registry / "JOURNAL.jsonl").read_bytes()
    done = promote(run, registry, WORSE)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Error: 10 is not promoted: its Brier score is higher: the 95 % interval of the difference is +" in done.stderr
    assert versions.current(registry).version == "8"
    assert (registry / "JOURNAL.jsonl").read_bytes() == before


def test_a_version_whose_reviews_are_over_the_capacity_exits_with_1(run, registry, of_log):
    days = [number // 100 for number in range(1000)]
    late, depots = [number % 2 == 0 for number in range(1000)], [("EWR", "JFK")[number % 2] for number in range(1000)]
    of_log(evaluated([1.0, -1.0] * 500, late, days, context={"depot": depots}))
    assert promote(run, registry, BETTER, "--capacity", "49.5/day").exit_code == 1
    done = promote(run, registry, BETTER, "--capacity", "49.5/day", "--by", "depot")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        1,
        "Error: 9 is not promoted: its reviews of depot EWR are 50.0 a day, and the capacity is 49.5",
    )
    assert versions.current(registry).version == "8"
    assert promote(run, registry, BETTER, "--capacity", "50/day", "--by", "depot").exit_code == 0


def test_too_few_outcomes_exit_with_2_and_say_the_numbers(run, registry, of_log):
    of_log(drawn(12, days=8))
    done = promote(run, registry, BETTER)
    assert (done.exit_code, versions.current(registry).version) == (2, "8")
    assert "cannot be judged: 800 untouched orders with an outcome, and at least 1,000 are needed" in done.stderr


@pytest.mark.parametrize(("version", "seed_days", "why"), [(WORSE, 30, "its Brier"), (BETTER, 8, "cannot be judged: 800")])
def test_forced_with_a_message_it_is_promoted_and_the_journal_says_what_failed(run, registry, of_log, version, seed_days, why):
    of_log(drawn(13, days=seed_days, weight=2.0))
    assert promote(run, registry, version, "--force").exit_code == 2
    assert versions.current(registry).version == "8"
    done = promote(run, registry, version, "--force", "--message", "the other one is gone")
    assert (done.exit_code, versions.current(registry).version) == (0, version)
    check = last(registry)["check"]
    assert (check["forced"], check["failed"][0].startswith(why)) == (True, True)
    assert f"; forced: {why}" in run("model", "log", "--in", registry).stdout


def test_a_forced_promotion_that_passes_is_not_said_to_be_forced(run, registry, orders):
    assert promote(run, registry, BETTER, "--force", "--message", "sure").exit_code == 0
    assert last(registry)["check"]["forced"] is False


USAGE = {
    "--capacity of no check": ["--capacity", "50/day"],
    "--by of no check": ["--by", "depot"],
    "--by without --capacity": ["--check-on", "log", "--by", "depot"],
    "an unknown context": ["--check-on", "log", "--capacity", "50/day", "--by", "depot"],
    "a number": ["--check-on", "log", "--capacity", "50"],
    "a negative number": ["--check-on", "log", "--capacity", "-1/day"],
    "no log": ["--check-on", "nowhere"],
}


@pytest.mark.parametrize("more", USAGE.values(), ids=USAGE)
def test_options_that_do_not_fit_are_errors_of_usage_and_change_nothing(run, registry, orders, more):
    assert run("model", "promote", BETTER, "--in", registry, *more).exit_code == 2
    assert versions.current(registry).version == "8"


def test_what_cannot_be_compared_exits_with_2(run, registry, orders, monkeypatch):
    other = one_input(inputs=[Input("other")])
    model_file.write(replace(other, manifest=replace(other.manifest, version="11")), "11.npz")
    versions.publish("11.npz", registry)
    done = promote(run, registry, "11")
    assert (done.exit_code, "the models do not take the same inputs" in done.stderr) == (2, True)

    def none(logs, model):
        raise NoOrders("log: no decision has an outcome")

    monkeypatch.setattr(checked_promotion, "logged_orders", none)
    done = promote(run, registry, BETTER)
    assert (done.exit_code, done.stderr) == (2, "Error: log: no decision has an outcome\n")
    (registry / "CURRENT.json").unlink()
    assert promote(run, registry, BETTER).exit_code == 2


def test_a_promotion_during_the_check_makes_it_count_no_more(run, registry, orders, monkeypatch):
    real = checked_promotion.judge

    def meanwhile(*given):
        versions.promote("7", registry)
        return real(*given)

    monkeypatch.setattr(checked_promotion, "judge", meanwhile)
    done = promote(run, registry, BETTER)
    assert (done.exit_code, versions.current(registry).version) == (1, "7")
    assert "the current version changed during the check; repeat the command" in done.stderr


def test_without_a_check_an_entry_has_no_word_of_it(run, registry):
    run("model", "promote", BETTER, "--in", registry)
    assert "check" not in last(registry)


def test_a_log_that_the_service_could_have_written_is_joined_with_its_outcomes_and_judged(run, registry):
    """12 days of 100 orders by version 8; a holdout of 0.2 of those in review; late by weight 2, but for those reviewed."""
    orders, eight = drawn(14, days=12, weight=2.0), versions.get(registry, "8")
    options = Options("review", holdout=KeyedChooser(0.2, b"k" * 16))
    records, rows, kept = [], [], []
    for day in range(12):
        places = range(100 * day, 100 * day + 100)
        ids, x = [orders.ids[at] for at in places], orders.x[100 * day : 100 * day + 100]
        scored = score_batch(eight, DecodedBatch(Batch(ids, x), range(100), [], 100, "columns"), options)
        time = datetime(2026, 11, 1 + day, 12, tzinfo=UTC)
        records.append(decision_record.dumps(decision_record.record(scored, About(time, f"d-{day}", "r", "1"))))
        held = set(scored.holdout.orders if scored.holdout else [])
        for at, queue in zip(places, queues(scored), strict=True):
            late = bool(orders.late[at]) and queue == "monitor"
            rows.append({"order_id": orders.ids[at], "late": late, "at": f"2026-12-{1 + day:02}T12:00:00Z"})
            if queue == "monitor":
                kept.append((late, 5.0 if at - 100 * day in held else 1.0))
    Path("log", "decisions-0000000000000000-0-0.jsonl").write_bytes(b"".join(records))
    received = outcome.record(outcome.load(rows), datetime(2026, 12, 31, tzinfo=UTC), "r")
    Path("log", "outcomes-0000000000000000-0-0.jsonl").write_bytes(outcome.dumps(received))
    done = promote(run, registry, BETTER, "--force", "--message", "few orders")
    assert done.exit_code == 0, done.output
    check = last(registry)["check"]
    assert (check["orders"], check["late"], check["days"]) == (len(kept), sum(late for late, _ in kept), 12)
    assert {weight for _, weight in kept} == {1.0, 5.0}
    assert check["brier_after"] < check["brier_before"]
