"""Texts: numbers and times as pages show them."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from service.offline.account import MISSING

NONE = "-"
MARKS = {
    "out_of_range": "outside the range of training",
    "imputed": MISSING,
    "unknown": "unknown to the model",
}
"""What pages say of inputs that a result names."""


def number(value: float | None, digits: int = 6) -> str:
    """A number with so many significant digits; a dash for none."""
    return NONE if value is None else f"{value:.{digits}g}"


def score(value: float) -> str:
    """A score with four decimals. One that is not 0 or 1 is not shown as such."""
    text = f"{value:.4f}"
    if not 0.0 < value < 1.0 or text not in ("0.0000", "1.0000"):
        return text
    return f"{value:.3g}" if value < 0.5 else "> 0.9999"


def signed(value: float) -> str:
    """A contribution with its sign and three decimals, or with an exponent where it is large; 0 where it is too small."""
    if not math.isfinite(value):
        return "overflows"
    text = f"{value:+.3f}" if abs(value) < 1e5 else f"{value:+.3e}"
    return text if float(text) else "0"


def parts_of(amounts: Sequence[float | None]) -> list[float]:
    """Each contribution as a part of the largest one, from -1 to 1; 0 for one that overflows or is not known."""
    finite = [0.0 if each is None or not math.isfinite(each) else each for each in amounts]
    largest = max(map(abs, finite), default=0.0) or 1.0
    return [each / largest for each in finite]


def time(at: float | str | datetime) -> str:
    """A time, seconds since 1970, or a time as ISO 8601 writes it, to the minute."""
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def second(at: datetime) -> str:
    """A time to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def after(at: datetime) -> str:
    """The next full minute after a time, to within a second: what is later than a text of it is later than the time."""
    return time(at.astimezone(UTC) + timedelta(seconds=61))


def size(count: int) -> str:
    """A number of bytes."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{math.ceil(count / 1e3)} kB"


def share(value: float | None) -> str:
    """A part of all as a percentage."""
    return NONE if value is None else f"{100 * value:.1f} %"


FILTERS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (number, signed, score, time, second, after, size, share)
}
