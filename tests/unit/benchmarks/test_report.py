"""The tables of the benchmark."""

import pytest

from tests.benchmarks import report
from tests.benchmarks.contestants import CONTESTANTS, FASTAPI, LITESTAR, OURS
from tests.benchmarks.measuring import Case, Share


@pytest.mark.parametrize(("rounds", "low", "high"), [(5, 1, 5), (6, 1, 6), (8, 1, 8), (9, 2, 8), (12, 3, 10), (20, 6, 15)])
def test_the_interval_has_the_ranks_of_the_sign_test(rounds, low, high):
    """The ranks are those of the tables of nonparametric intervals for a median with 95 %."""
    assert report.interval(range(rounds, 0, -1))[1:] == (low, high)


def costs(**given):
    return {one.name: [1.0, 1.0, 1.0] for one in CONTESTANTS} | given


def test_a_cell_below_its_target_is_marked():
    found = {Case(1): costs(**{LITESTAR.name: [1.3, 1.1, 1.2], FASTAPI.name: [1.6, 1.4, 1.49]})}
    _, _, litestar, fastapi, *_ = report.cost_targets(found).splitlines()
    assert litestar == f"| {LITESTAR.name} / {OURS.name} | 1.20 (1.10 to 1.30), target 1.2 |"
    assert fastapi == f"| {FASTAPI.name} / {OURS.name} | 1.49 (1.40 to 1.60), target 1.5, {report.MISSED} |"


@pytest.mark.parametrize(
    ("ours", "idle", "missed"),
    [
        (Share(100, 0.1, 0.2, 0), 60, []),
        (Share(99, 0.1, 0.2, 0), 60, ["requests/s"]),
        (Share(100, 0.1, 0.21, 0), 60, ["p99"]),
        (Share(100, 0.1, 0.2, 1), 60, ["answers other than 200"]),
        (Share(100, 0.1, 0.2, 0), 60.1, ["Memory"]),
    ],
)
def test_what_falls_short_with_many_connections_is_marked(ours, idle, missed):
    found = {1: {OURS.name: [ours], LITESTAR.name: [Share(100, 0.1, 0.2, 3)]}}
    marked = [line for line in report.connection_targets(found, idle).splitlines() if report.MISSED in line]
    assert len(marked) == len(missed)
    assert all(name in line for name, line in zip(missed, marked, strict=True))
