"""A made evaluation of 40 orders on four days, 10 of them late."""

from service.offline.evaluation.evaluation import (
    METRICS,
    CalibrationBin,
    Day,
    Estimate,
    Evaluation,
    Group,
    Recommendation,
    ScoreBin,
    ThresholdRow,
)

HIGH = ThresholdRow(0.75, 0.1, 1.0, 0.75, 0.3)
ROWS = [
    ThresholdRow(0.0, 1.0, 10.0, 0.25, 1.0),
    ThresholdRow(0.5, 0.25, 2.5, 0.6, 0.6),
    HIGH,
    ThresholdRow(1.0, 0.0, 0.0, None, 0.0),
]


def evaluation(**changes):
    """The evaluation, with these changes."""
    metrics = {name: Estimate(0.7, 0.65, 0.75) for name in METRICS}
    days = [Day(f"2026-11-{29 + at}" if at < 2 else f"2026-12-0{at - 1}", 10, 2 + at % 2, 2 + at % 2, 1) for at in range(4)]
    made = {
        "source": "orders.csv",
        "model": {"name": "delays", "version": "3", "sha256": "0123456789abcdef" * 4},
        "threshold": 0.5,
        "orders": 40,
        "late": 10,
        "groups": [Group("all", 40, 10, metrics), Group("depot EWR", 12, 3, metrics)],
        "calibration": [CalibrationBin(4, at / 10, (at + 1) / 10, (at + 0.5) / 10, at / 20) for at in range(10)],
        "thresholds": ROWS,
        "days": days,
        "scores": [ScoreBin(at / 10, (at + 1) / 10, 1, 3) for at in range(10)],
        "recommendation": Recommendation(0.75, "At most 1 review a day.", HIGH, ["At 0.70 there are 2 reviews a day."]),
        "notes": ["3 orders have no outcome."],
    }
    return Evaluation(**made | changes)


def without_recommendation(**changes):
    days = [Day(f"2026-11-{day}", 10, 2, 2, None) for day in (27, 28, 29, 30)]
    return evaluation(**{"recommendation": None, "days": days} | changes)
