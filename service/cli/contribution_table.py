"""The contributions of one order as a table for people, with a bar for each input.

Numbers are rounded and long texts cut, so that the table is at most 80 columns wide where names have up to 28 characters.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from msgspec.structs import astuple

from model.core.manifest import Input, Value
from model.core.risk_model import RiskModel
from schemas.explanation import Explanation
from schemas.files.row import Row
from schemas.reasons import typical_values
from schemas.result import Result
from service.cli.loading import plain
from service.offline.account import MISSING, NO_VALUE

WIDTH = 80

_SHORTEST, _LONGEST = 7, 16  # of the longest bar
_NAME, _VALUE, _UNIT = 32, 16, 8
_CUT = "..."
_MARKS = {
    "!": "outside the range of the training data",
    "~": "missing, so the model takes",
    "?": "unknown to the model, so none of its values",
}
_MARKED = tuple(_MARKS)  # out of range, imputed, unknown


@dataclass(frozen=True, slots=True)
class _Line:
    """An input `of` the model: its value in the order, its mark or "", its typical value and its contribution."""

    of: Input
    value: Value
    mark: str
    typical: float | None
    amount: float

    @property
    def size(self) -> float:
        """The absolute contribution. One that overflows is the greatest."""
        return math.inf if math.isnan(self.amount) else abs(self.amount)

    @property
    def note(self) -> str:
        """What the mark says of the input."""
        ends = ("" if end is None else repr(end) for end in (self.of.minimum, self.of.maximum))
        taken = NO_VALUE if self.of.missing is None else str(self.of.missing)
        return f"{self.of.name} {plain({'!': ' .. '.join(ends), '~': taken, '?': str(self.value)}[self.mark])}"

    def cells(self, number: str) -> tuple[str, ...]:
        """The cells of the table, with the contribution as this number."""
        value = _cut(self.value, _VALUE) if isinstance(self.value, str) else _rounded(self.value, 8, MISSING)
        typical = _rounded(self.typical, 5, "")
        return _cut(self.of.name, _NAME), value + (self.mark or " "), typical, _cut(self.of.unit, _UNIT), number


def table(model: RiskModel, row: Row, result: Result, explanation: Explanation) -> Iterator[str]:
    """A line for each input, the greatest absolute contribution first, their sum, and the meaning of the marks."""
    given = zip(model.manifest.inputs, typical_values(model), astuple(explanation.contributions), strict=True)
    found = [_Line(of, row.order.get(of.name), _mark(of, result), typical, amount) for of, typical, amount in given]
    found.sort(key=lambda line: -line.size)
    amounts = [line.amount for line in found]
    numbers = decimals([*amounts, sum(amounts), explanation.base, explanation.logit])
    sums = [(name, "", "", "", number) for name, number in zip(("sum", "base", "logit"), numbers[-3:], strict=True)]
    unit = "unit" if any(line.of.unit for line in found) else ""
    cells = [line.cells(number) for line, number in zip(found, numbers, strict=False)]
    texts = _aligned([("input", "value ", "typical", unit, "adds"), *cells, *sums])
    longest = min(max((WIDTH - len(texts[0]) - 3) // 2, _SHORTEST), _LONGEST)
    lines = [f"{'lowers':>{longest}}|raises", *bars(amounts, longest), "", "", ""]
    yield from (f"{text}  {bar}".rstrip() for text, bar in zip(texts, lines, strict=True))
    for mark, meaning in _MARKS.items():
        if notes := [line.note for line in found if line.mark == mark]:
            yield from wrap(f"{mark} {meaning}: {', '.join(notes)}", WIDTH, subsequent_indent="  ")


def bars(amounts: Sequence[float], longest: int) -> list[str]:
    """A bar for each amount, to the left where it is below 0; the greatest of those that are finite has this length."""
    largest = max(filter(math.isfinite, map(abs, amounts)), default=0.0) or 1.0
    lengths = [round(longest * (abs(each) / largest)) if math.isfinite(each) else 0 for each in amounts]
    sides = [
        ("", "#" * length) if amount > 0.0 else ("#" * length, "") for amount, length in zip(amounts, lengths, strict=True)
    ]
    return [f"{left:>{longest}}|{right}" for left, right in sides]


def decimals(amounts: Sequence[float]) -> list[str]:
    """These numbers with six decimals, or with an exponent where they are large or small."""
    largest = max(filter(math.isfinite, map(abs, amounts)), default=0.0)
    form = "+.6f" if 1e-3 <= largest < 1e6 else "+.6e"
    return ["overflows" if not math.isfinite(each) else format(each, form) if each else "0" for each in amounts]


def _rounded(value: float | None, digits: int, none: str) -> str:
    return none if value is None else f"{value:.{digits}g}"


def _cut(text: str, most: int) -> str:
    """The text without its middle where it is too long."""
    shown = plain(text)
    kept = most - len(_CUT)
    return shown if len(shown) <= most else shown[: kept - kept // 2] + _CUT + shown[len(shown) - kept // 2 :]


def _mark(of: Input, result: Result) -> str:
    marked = zip(_MARKED, (result.out_of_range, result.imputed, result.unknown), strict=True)
    return next((mark for mark, names in marked if of.name in names), "")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as text, without columns that are empty. The first and the fourth column are aligned to the left."""
    aligns: tuple[Callable[[str, int], str], ...] = (str.ljust, str.rjust, str.rjust, str.ljust, str.rjust)
    columns = zip(aligns, zip(*rows, strict=True), strict=True)
    found = [[align(cell, max(map(len, column))) for cell in column] for align, column in columns if any(column)]
    return ["  ".join(cells) for cells in zip(*found, strict=True)]
