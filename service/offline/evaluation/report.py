"""The report of an evaluation: one HTML page that needs no other file, no script and no network."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from service.offline.evaluation.evaluation import Estimate, Evaluation
from service.offline.evaluation.inline_svg import inline
from service.offline.evaluation.plots import Plot
from service.version import VERSION

_METRICS = {
    "auc": "AUC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
}
GENERATOR = "delivery-risk evaluate"
"""What made the page, in its head."""

_UNDEFINED = "not defined"
# For each plot its label for screen readers, and what the caption adds to what the figure says.
_FIGURES = {
    "reliability": (
        "Calibration: the share of late orders of each bin against its mean score. The table Calibration has the numbers.",
        "Scores are calibrated where the dots are on the dashed line.",
    ),
    "scores": (
        "Histogram of the scores of late and of on-time orders. The table Scores by outcome has the numbers.",
        "The further apart the two are, the better the scores separate late orders from those on time.",
    ),
    "precision-recall": (
        "Precision and recall against the orders to review a day. The table Thresholds has the numbers.",
        "A lower threshold sends more orders to review: more of the late ones are among them, and more that are not late.",
    ),
    "workload": (
        "Orders to review on each day. The table Days has the numbers.",
        "A threshold fixes the score, not the number of orders: the days differ.",
    ),
}


def html(evaluation: Evaluation, plots: Sequence[Plot], made_at: datetime) -> str:
    """The page. Each text of the evaluation is escaped; the policy of the page allows its own style sheet alone."""
    style = _TEMPLATES.get_template("report.css").render()
    days, recommendation = evaluation.days, evaluation.recommendation
    return _TEMPLATES.get_template("report.html").render(
        e=evaluation,
        figures=[_figure(plot) for plot in plots],
        metrics=_METRICS,
        reviews=sum(day.reviews for day in days) / max(len(days), 1),
        chosen=None if recommendation is None else recommendation.threshold,
        style=Markup(style),  # noqa: S704 - a file of this package
        style_source=style_source(style),
        generator=GENERATOR,
        made_at=made_at.isoformat(timespec="seconds"),
        service_version=VERSION,
    )


def style_source(style: str) -> str:
    """The source by which a policy allows this style sheet alone."""
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"


def _figure(plot: Plot) -> Mapping[str, str]:
    label, caption = _FIGURES[plot.name]
    return {"svg": Markup(inline(plot.svg, plot.name, label)), "caption": caption}  # noqa: S704 - drawn here


def _or_undefined(format: str) -> Callable[[float | None], str]:
    return lambda number: _UNDEFINED if number is None else format.format(number)


def _percent(share: float | None) -> str:
    return _UNDEFINED if share is None else f"{100 * share:.1f} %"


def _value(estimate: Estimate | None) -> str:
    return _UNDEFINED if estimate is None or estimate.value is None else f"{estimate.value:.4f}"


def _interval(estimate: Estimate | None) -> str:
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.4f} to {estimate.high:.4f}"


_TEMPLATES = Environment(loader=PackageLoader("service.offline.evaluation"), autoescape=True, undefined=StrictUndefined)
_TEMPLATES.filters |= {
    "count": _or_undefined("{:,}"),
    "interval": _interval,
    "mean": _or_undefined("{:,.1f}"),
    "score": _or_undefined("{:.4f}"),
    "share": _percent,
    "value": _value,
}
