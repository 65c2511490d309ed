"""The four figures of an evaluation, drawn by matplotlib: no pyplot, no state, and no text of the data but dates."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from service.offline.evaluation import days_axis
from service.offline.evaluation.evaluation import Evaluation
from service.offline.evaluation.figure_style import (
    COUNT,
    DASHED,
    LATE,
    MODEL,
    ON_TIME,
    PRECISION,
    QUIET,
    RECALL,
    RECOMMENDED,
    REFERENCE,
    SHARE,
)


def reliability(evaluation: Evaluation) -> Figure:
    """The calibration bins against the diagonal."""
    bins = evaluation.calibration
    figure, (axes,) = _paper("Share of late orders by score", [_bin_sizes([each.orders for each in bins])])
    top = min(1.0, 1.05 * max((max(each.highest, each.late_share) for each in bins), default=1.0)) or 1.0
    axes.plot([0, top], [0, top], color=REFERENCE, linestyle=DASHED, linewidth=1.2, label="score = share of late orders")
    shares = [each.late_share for each in bins]
    axes.hlines(shares, [each.lowest for each in bins], [each.highest for each in bins], ON_TIME, linewidth=1.2, alpha=0.6)
    means, label = [each.mean_score for each in bins], "mean score of a bin, and its range"
    axes.plot(means, shares, "o", color=ON_TIME, markersize=7, markeredgecolor="white", clip_on=False, label=label)
    axes.text(0.03, 0.96, "more are late than scored", transform=axes.transAxes, va="top", color=QUIET)
    axes.text(0.98, 0.04, "fewer are late than scored", transform=axes.transAxes, ha="right", color=QUIET)
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="score", ylabel="share of late orders")
    axes.yaxis.set_major_formatter(SHARE)
    _legend(figure, axes)
    return figure


def scores(evaluation: Evaluation) -> Figure:
    """How many late and on-time orders have each score."""
    bins = evaluation.scores
    on_time = evaluation.orders - evaluation.late
    figure, (axes,) = _paper("Scores of late and on-time orders", [f"{evaluation.late:,} late, {on_time:,} on time"])
    edges = [*(each.lowest for each in bins), *(each.highest for each in bins[-1:])]
    if bins:
        axes.stairs([each.on_time for each in bins], edges, fill=True, color=ON_TIME, alpha=0.35)
        axes.stairs([each.on_time for each in bins], edges, color=ON_TIME, linewidth=1.2, label="on time")
        axes.stairs([each.late for each in bins], edges, fill=True, facecolor="none", edgecolor=LATE, hatch="////", linewidth=0)
        axes.stairs([each.late for each in bins], edges, color=LATE, linewidth=2, label="late")
    chosen = evaluation.recommendation
    _thresholds(axes, evaluation, evaluation.threshold, None if chosen is None else chosen.threshold)
    axes.set(xlabel="score", ylabel="orders")
    axes.margins(x=0)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(COUNT)
    _legend(figure, axes, columns=2)
    return figure


def precision_and_recall(evaluation: Evaluation) -> Figure:
    """What a number of reviews a day finds."""
    rows = sorted(evaluation.thresholds, key=lambda row: row.reviews_a_day)
    figure, (axes,) = _paper("Precision and recall by reviews a day", ["precision: late of reviewed; recall: reviewed of late"])
    reviews = [row.reviews_a_day for row in rows]
    axes.plot(reviews, [row.recall for row in rows], color=RECALL, label="recall")
    precision = [float("nan") if row.precision is None else row.precision for row in rows]
    axes.plot(reviews, precision, color=PRECISION, linestyle=(0, (5, 1.5)), label="precision")
    chosen = evaluation.recommendation
    reviews_now = _mean([day.reviews for day in evaluation.days])
    _thresholds(axes, evaluation, reviews_now, None if chosen is None else chosen.row.reviews_a_day)
    axes.set(ylim=(0, 1.02), xlabel="orders to review a day, on average", ylabel="precision, recall")
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(SHARE)
    axes.xaxis.set_major_formatter(COUNT)
    _legend(figure, axes, columns=2)
    return figure


def workload(evaluation: Evaluation) -> Figure:
    """The orders to review on each day: at the model's threshold and, below it, at the recommended one."""
    days, chosen = evaluation.days, evaluation.recommendation
    panels = [(f"at the model's threshold, {_short(evaluation.threshold)}", [day.reviews for day in days], MODEL)]
    if chosen is not None:
        recommended = [day.recommended or 0 for day in days]
        panels.append((f"at the recommended threshold, {_short(chosen.threshold)}", recommended, RECOMMENDED))
    figure, all_axes = _paper(
        "Orders to review on each day",
        [f"{text}\n{_mean(counts):,.1f} a day on average (dashed)" for text, counts, _ in panels],
    )
    for axes, (_, counts, colour) in zip(all_axes, panels, strict=True):
        axes.bar(days_axis.positions(days), counts, width=1.0, color=colour, edgecolor=colour, linewidth=0.5)
        axes.axhline(_mean(counts), color=REFERENCE, linestyle=DASHED, linewidth=1.2)
        axes.set_ylabel("orders")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(COUNT)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    days_axis.mark(all_axes[-1], days)
    return figure


def _paper(title: str, subtitles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """A figure with a title and one panel, with a title of its own, for each subtitle; they share the horizontal axis."""
    figure = Figure()
    figure.suptitle(title, x=0.02, ha="left")
    grid = figure.subplots(len(subtitles), sharex=True, sharey=True, squeeze=False)
    panels = list(grid[:, 0])
    for axes, subtitle in zip(panels, subtitles, strict=True):
        axes.set_title(subtitle, loc="left")
    return figure, panels


def _legend(figure: Figure, axes: Axes, columns: int = 1) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=columns)


def _thresholds(axes: Axes, evaluation: Evaluation, model: float, recommended: float | None) -> None:
    """Lines at what the two thresholds give on this axis."""
    axes.axvline(
        model, color=MODEL, linestyle=(0, (1.5, 1)), linewidth=2, label=f"model's threshold {_short(evaluation.threshold)}"
    )
    if evaluation.recommendation is not None and recommended is not None:
        label = f"recommended {_short(evaluation.recommendation.threshold)}"
        axes.axvline(recommended, color=RECOMMENDED, linewidth=2, label=label)


def _bin_sizes(sizes: Sequence[int]) -> str:
    if not sizes:
        return "no orders"
    orders = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
    return f"{len(sizes)} {'bin' if len(sizes) == 1 else 'bins'} of {orders} orders each"


def _mean(counts: Sequence[int]) -> float:
    return sum(counts) / max(len(counts), 1)


def _short(threshold: float) -> str:
    return f"{threshold:.4g}"


FIGURES = {
    "reliability": reliability,
    "scores": scores,
    "precision-recall": precision_and_recall,
    "workload": workload,
}
