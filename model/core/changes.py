"""Changes: the values of one input alone that bring an order to the other side of the threshold.

With all other inputs held, the logit is piecewise linear in a number, except that it jumps at single values that a feature
`is`. The axis is cut at the points where a unit switches and next to each jump. The first piece that begins on the order's side
and ends on the other is bisected until its ends are neighbours in float64.

The logits at the switches choose the piece. As they are rounded otherwise than scores, the order is scored at all points that
are close to the threshold and at both ends of the chosen piece. If that shows another side, a piece is chosen again.

Orders never mix, so an order gets the same result in any batch.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from model.core.axis import Axis
from model.core.batch import Flags, Floats, Positions
from model.core.bisection import bisected
from model.core.manifest import CATEGORY
from model.core.risk_model import RiskModel

_BLOCK = 2**14  # units of the widest layer times orders, whose pieces are in memory at once
_CLOSE = 1e-9  # as a share of the largest logit of a line

Change: TypeAlias = float | list[str] | None


def changes(model: RiskModel, x: Floats) -> dict[str, list[Change]]:
    """What would bring each of the n orders x (n, I), encoded as in encoding.py, to the other side, by actionable input.

    For a number, the float64 of the other side that is nearest to the value of the order within the declared range, and whose
    neighbour towards the value is not of the other side. The lower of two at the same distance. None if there is none, if the
    value is missing, and if the score is not finite. An end of the range that is not declared is the value itself.

    For a category, the values that give the other side. Raises NotExplainable.
    """
    actionable = [(at, each) for at, each in enumerate(model.manifest.inputs) if each.actionable]
    found: dict[str, list[Change]] = {each.name: [] for _, each in actionable}
    block = max(1, _BLOCK // max(model.network.sizes))
    with np.errstate(all="ignore"):
        for begin in range(0, len(x), block):
            rows = x[begin : begin + block]
            outputs = model.outputs(rows)
            for at, each in actionable:
                axis = Axis(model, at, rows[:, at], outputs)
                found[each.name] += _values(axis) if each.kind == CATEGORY else _crossings(axis, model.manifest.threshold)
    return found


class _Lines(NamedTuple):
    """L lines along the axis of a number: their `orders`, `signs`, and the points where they begin and end, all (L,).

    The value of the input is a point times the sign. Each line begins at its lowest point.
    """

    orders: Positions
    signs: Floats
    begins: Floats
    ends: Floats


class _Cuts(NamedTuple):
    """The P points that cut `lines`, in order, and the logits there without any jump, or NaN; all (P,)."""

    lines: Positions
    points: Floats
    logits: Floats

    def at(self, positions: Positions) -> "_Cuts":
        """Those at these positions."""
        return _Cuts(self.lines[positions], self.points[positions], self.logits[positions])


def _values(axis: Axis) -> Iterator[list[str]]:
    """The values of a category that give the other side."""
    every, values = np.arange(len(axis.values)), axis.of.values
    other = [axis.scored(every, np.full(len(every), float(code))).other for code in range(len(values))]
    return ([value for value, is_other in zip(values, row, strict=True) if is_other] for row in np.array(other).T.tolist())


def _crossings(axis: Axis, threshold: float) -> Iterator[float | None]:
    """The nearest crossing of each order along the axis of a number."""
    lines, logit = _lines(axis), np.log(threshold) - np.log1p(-threshold)
    low, high = _first_pieces(axis, lines, _cut(axis, lines), logit)
    expected = low.points + (high.points - low.points) * ((logit - low.logits) / (high.logits - low.logits))
    orders, signs = lines.orders[low.lines], lines.signs[low.lines]
    _, crossed = bisected(
        low.points, high.points, expected, lambda each, points: axis.scored(orders[each], signs[each] * points).other
    )
    found = np.full((2, len(axis.values)), np.inf)
    found[(signs > 0.0).astype(np.intp), orders] = signs * crossed + 0.0
    down, up = np.abs(found - axis.values)
    nearest = np.where((up < down) | np.isinf(found[0]), found[1], found[0])
    return (None if math.isinf(value) else value for value in nearest.tolist())


def _lines(axis: Axis) -> _Lines:
    """The lines up and down from the value of each order to the ends of the range, as far as scores are finite.

    Where the value is outside the range, a line begins one number before the range.
    """
    values, ends = axis.values, (axis.of.minimum, axis.of.maximum)
    low, high = (values if end is None else np.full_like(values, end) for end in ends)
    first, low, last = (np.concatenate(each) for each in ((values, -values), (low, -high), (high, -low)))
    first = np.where(first < low, np.nextafter(low, -np.inf), first)
    orders, signs = np.tile(np.arange(len(values)), 2), np.repeat([1.0, -1.0], len(values))
    kept = (first < last) & axis.finite[orders]
    lines = _Lines(orders[kept], signs[kept], first[kept], last[kept])

    def overflows(each: Positions, points: Floats) -> Flags:
        return np.isnan(axis.scored(lines.orders[each], lines.signs[each] * points).logits)

    over = np.flatnonzero(overflows(np.arange(len(lines.ends)), lines.ends))
    begins, far = lines.begins[over], lines.ends[over]
    lines.ends[over], _ = bisected(begins, far, far, lambda each, points: overflows(over[each], points))
    return lines


def _cut(axis: Axis, lines: _Lines) -> _Cuts:
    """What cuts these lines into linear pieces."""
    line, places, logits = axis.switches(
        *(axis.without_jumps(lines.orders, lines.signs * points) for points in (lines.begins, lines.ends))
    )
    steps = places * (0.5 * lines.ends - 0.5 * lines.begins)[line]  # half of each, as the difference may overflow
    around = [value for jump in axis.jumps for value in (np.nextafter(jump, -np.inf), jump, np.nextafter(jump, np.inf))]
    further = [lines.begins, lines.ends, *(lines.signs * value for value in around)]
    points = np.concatenate([*further, lines.begins[line] + steps + steps])
    logits = np.concatenate([np.full(len(further) * len(lines.ends), np.nan), logits])
    line = np.concatenate([np.tile(np.arange(len(lines.ends)), len(further)), line])
    points = np.fmin(np.fmax(points, lines.begins[line]), lines.ends[line])
    order = np.lexsort((points, line))
    cuts = _Cuts(line, points, logits).at(order)
    # Of equal points the first is kept, which has no logit if any of them has none.
    differs = (cuts.lines[1:] != cuts.lines[:-1]) | (cuts.points[1:] != cuts.points[:-1])
    return cuts.at(np.flatnonzero(np.append(True, differs)[: len(line)]))


def _first_pieces(axis: Axis, lines: _Lines, cuts: _Cuts, logit: float) -> tuple[_Cuts, _Cuts]:
    """The ends of the first piece of each line, if any, that begins on the side of the order and ends on the other.

    They have the logits of the scores.
    """
    line, points, logits = cuts
    orders, values = lines.orders[line], lines.signs[line] * points
    largest = np.ones(len(lines.ends))
    np.fmax.at(largest, line, np.abs(logits))
    other, scored = axis.side(orders, logits), np.zeros(len(line), np.bool_)
    wanted = ~(np.abs(logits - logit) > _CLOSE * largest[line])
    while True:
        other[wanted], logits[wanted] = axis.scored(orders[wanted], values[wanted])
        scored |= wanted
        pairs = np.flatnonzero(~other[:-1] & other[1:] & (line[:-1] == line[1:]))
        first = pairs[np.unique(line[pairs], return_index=True)[1]]
        wanted = np.zeros_like(scored)
        wanted[first] = wanted[first + 1] = True
        wanted &= ~scored
        if not wanted.any():
            return cuts.at(first), cuts.at(first + 1)
