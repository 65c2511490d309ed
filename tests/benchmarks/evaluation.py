"""The cost of an evaluation: `python -m tests.benchmarks.evaluation` compares it with a script that uses scikit-learn.

Both compute the five metrics of `evaluate` on the same 60,854 scores of 73 days, with 95 % intervals from the same resamples.
The script is what one writes with scikit-learn: it copies the orders of the days that were drawn, and calls a function for each
metric. It makes the bins of the calibration error for each resample, and `evaluate` once, so the intervals of this one
differ. CPU seconds of one process, in turns.
"""

import argparse
import csv
import gzip
import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from model.core.batch import Flags, Floats, Positions
from model.importers import arrays
from service.offline.evaluation.bootstrap import estimates, interval, resampled
from service.offline.evaluation.metrics import BINS, METRICS, SortedScores
from tests.benchmarks import report
from tests.facts import REAL_DATA

Estimates = Mapping[str, tuple[float, ...]]
"""The value and both ends of the interval of each metric."""


def real_orders() -> tuple[Floats, Flags, Positions]:
    """(n,) each: scores, outcomes and days of the test orders of the real year."""
    label = arrays.Label("real", "1", 0.5, "2026-01-01T00:00:00Z")
    model = arrays.training_arrays(REAL_DATA / "nyc17_3feature" / "model.npz", label)
    with gzip.open(REAL_DATA / "batches" / "nyc17_3feature_all_303748.csv.gz", "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    x = np.array([[float(row[name]) for name in model.manifest.input_names] for row in rows])
    _, days = np.unique([row["day"] for row in rows], return_inverse=True)
    return model.outputs(x).outputs.ravel(), np.array([row["late"] == "1" for row in rows]), days


def ours(scores: Floats, late: Flags, days: Positions, resamples: int) -> Estimates:
    """By `evaluate`."""
    ordered = SortedScores(scores, late)
    found = estimates(ordered, np.ones(len(scores)), days[ordered.order], resamples)
    return {name: (each.value or 0.0, each.low or 0.0, each.high or 0.0) for name, each in found.items()}


def with_scikit_learn(scores: Floats, late: Flags, days: Positions, resamples: int) -> Estimates:
    """By a script with scikit-learn."""
    of_day = [np.flatnonzero(days == day) for day in range(days.max() + 1)]
    samples = []
    for times in resampled(np.arange(len(of_day)), len(of_day), resamples):
        at = np.concatenate([of_day[day] for day in np.repeat(np.arange(len(of_day)), times.astype(int))])
        samples.append(_metrics(scores[at], late[at]))
    columns = zip(METRICS, _metrics(scores, late), zip(*samples, strict=True), strict=True)
    return {name: (value, *(end or 0.0 for end in interval(list(drawn)))) for name, value, drawn in columns}


def _metrics(scores: Floats, late: Flags) -> list[float]:
    found = [each(late, scores) for each in (roc_auc_score, average_precision_score, brier_score_loss, log_loss)]
    bins = np.array_split(np.argsort(scores, kind="stable"), BINS)
    gaps = sum(abs(float(scores[rows].sum()) - np.count_nonzero(late[rows])) for rows in bins)
    return [*map(float, found), gaps / len(scores)]


def _measured(contestant: Callable[..., Estimates], *given: object) -> tuple[float, Estimates]:
    begin = time.process_time()
    found = contestant(*given)
    return time.process_time() - begin, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resamples", type=int, default=100, help="of the bootstrap (default: 100)")
    parser.add_argument("--rounds", type=int, default=5, help="fewer are faster and less certain (default: 5)")
    given = parser.parse_args()
    orders = real_orders()
    seconds: dict[str, list[float]] = {"ours": [], "scikit-learn": []}
    found: dict[str, Estimates] = {}
    for _ in range(given.rounds):
        for name, contestant in (("ours", ours), ("scikit-learn", with_scikit_learn)):
            took, found[name] = _measured(contestant, *orders, given.resamples)
            seconds[name].append(took)
    compared = [name for name in METRICS if name != "calibration_error"]
    pairs = (zip(*(each[name] for each in found.values()), strict=True) for name in compared)
    apart = max(abs(one - other) for both in pairs for one, other in both)
    ratio = report.shown(report.ratios(seconds["scikit-learn"], seconds["ours"]))
    rows = [[name, f"{statistics.median(took):.2f} s"] for name, took in seconds.items()]
    print(report.table(["", "CPU"], [*rows, ["scikit-learn / ours", ratio], ["largest difference", f"{apart:.1e}"]]))


if __name__ == "__main__":
    main()
