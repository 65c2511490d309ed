"""The days of an evaluation on the horizontal axis of a figure."""

from collections.abc import Sequence
from datetime import date

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator, date2num
from matplotlib.ticker import MaxNLocator

from service.offline.evaluation.evaluation import Day

_DAYS_WITH_A_TICK_EACH = 7


def mark(axes: Axes, days: Sequence[Day]) -> None:
    """Draw ticks and their labels for these days, at most about six."""
    places = positions(days)
    if _dates(days) is None:
        axes.set_xlabel("day of the file")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        return
    few = max(places, default=0) - min(places, default=0) < _DAYS_WITH_A_TICK_EACH
    locator = DayLocator() if few else AutoDateLocator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def positions(days: Sequence[Day]) -> list[float]:
    """Where each day is: at its date, or at its number if the days are not named by dates."""
    dates = _dates(days)
    return list(range(1, len(days) + 1)) if dates is None else [float(date2num(each)) for each in dates]


def _dates(days: Sequence[Day]) -> list[date] | None:
    """The dates that the days are named by; None where one has another name."""
    try:
        return [date.fromisoformat(day.name) for day in days]
    except ValueError:
        return None
