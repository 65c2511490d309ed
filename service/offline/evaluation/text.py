"""The text of an evaluation, for a terminal."""

from collections.abc import Iterator, Sequence

from service.offline.evaluation.evaluation import METRICS, Estimate, Evaluation

_NAMES = dict(zip(METRICS, ("AUC", "avg precision", "Brier", "log loss", "calibration err"), strict=True))
_MOST_DAYS = 3


def lines(found: Evaluation) -> Iterator[str]:
    """The lines of the text."""
    late = f"{found.late} late ({_share(found.late, found.orders)})"
    yield f"{found.source}: {found.orders} orders on {len(found.days)} days, {late}"
    name, version, digest = found.model.values()
    yield f"model: {name} {version} (sha256 {digest}), threshold {found.threshold:.6g}"
    yield from (f"note: {note}" for note in found.notes)
    if found.recommendation is not None:
        yield ""
        yield f"Recommended threshold: {found.recommendation.threshold!r}"
        yield f"  {found.recommendation.reason}"
        yield from (f"  {sentence}" for sentence in found.recommendation.consequences)
    yield ""
    yield "Scores, with 95 % intervals by a bootstrap of days"
    rows = [[group.name, str(group.orders), str(group.late), *map(_estimate, group.metrics.values())] for group in found.groups]
    yield from _table(["orders", "n", "late", *_NAMES.values()], rows)
    yield ""
    yield "Calibration, ten bins of equally many orders by score"
    bins = [
        [f"{each.lowest:.4f} to {each.highest:.4f}", str(each.orders), f"{each.mean_score:.4f}", f"{each.late_share:.4f}"]
        for each in found.calibration
    ]
    yield from _table(["scores", "n", "mean score", "late share"], bins)
    yield ""
    yield "Thresholds"
    marks = {found.threshold: "the model's"}
    if found.recommendation is not None:
        marks[found.recommendation.threshold] = "recommended"
    thresholds = [
        [
            f"{row.threshold:.4f}",
            f"{row.review_share:.2%}",
            f"{row.reviews_a_day:.1f}",
            "-" if row.precision is None else f"{row.precision:.1%}",
            f"{row.recall:.1%}",
            marks.get(row.threshold, ""),
        ]
        for row in found.thresholds
    ]
    yield from _table(["threshold", "review", "reviews a day", "precision", "recall", ""], thresholds)
    busy = sorted(found.days, key=lambda day: -day.reviews)[:_MOST_DAYS]
    yield ""
    yield "Days with the most reviews by the model's threshold: " + ", ".join(f"{day.name} ({day.reviews})" for day in busy)


def _share(part: int, of: int) -> str:
    return f"{part / of:.2%}" if of else "-"


def _estimate(found: Estimate) -> str:
    if found.value is None:
        return "-"
    interval = "" if found.low is None else f" ({found.low:.4f} to {found.high:.4f})"
    return f"{found.value:.4f}{interval}"


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column is aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        first, *others = map(str.ljust, row, widths)
        aligned = map(str.rjust, map(str.strip, others), widths[1:])
        yield "  " + "  ".join([first, *aligned]).rstrip()
