import math
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core import axis
from model.core import changes as module
from model.core.changes import changes
from model.core.encoding import UNKNOWN, encoded
from model.core.manifest import Feature, Input, Manifest, SelfTest
from model.core.network import Network
from model.core.risk_model import RiskModel
from model.core.standardizer import Standardizer
from model.errors import NotExplainable
from tests.models import PIECEWISE_LINEAR, layer, model_of
from tests.raw_orders import preparations, raw_model, raw_orders

SLOPES = {"linear": 1.0, "relu": 0.0, "leaky_relu": 0.01, "leaky_relu:0.2": 0.2}
LARGEST = np.finfo(np.float64).max
INPUTS = (
    Input("wait", minimum=-4.0, maximum=4.0, actionable=True),
    Input("gap", maximum=3.0, missing=0.5, actionable=True),
    Input("weekday", minimum=0.0, maximum=6.0, actionable=True),
    Input("carrier", kind="category", values=("AA", "B6", "ü"), unknown="none", actionable=True),
    Input("month", minimum=1.0, maximum=12.0),
)
FEATURES = (
    Feature("weekend", "weekday", "is", (5.0, 6.0)),
    Feature("wait", "wait"),
    Feature("no_wait", "wait", "is", (0.0,)),
    Feature("gap", "gap"),
    Feature("gap_missing", "gap", "missing"),
    Feature("weekday", "weekday"),
    Feature("carrier_AA", "carrier", "is", ("AA",)),
    Feature("carrier_other", "carrier", "is", ("B6", "ü")),
    Feature("monday", "weekday", "is", (0.0,)),
    Feature("month_sin", "month", "sin", period=12.0),
    Feature("wait_twice", "wait"),
)


def review(model, row, at, value):
    """Whether an order goes to review with this value of an input, or None if it has no score."""
    x = row.copy()
    x[at] = value
    found = model.outputs(x[np.newaxis])
    return bool(found.outputs[0, 0] >= model.manifest.threshold) if found.finite[0] else None


def of_one(network, value, minimum=-10.0, maximum=10.0, **described):
    """What changes an order of one number."""
    model = model_of(network, inputs=[Input("f", minimum=minimum, maximum=maximum, actionable=True)], **described)
    (found,) = changes(model, np.array([[value]]))["f"]
    return found


def units(weights, bias, output, constant):
    """A hidden layer of relu units of one input."""
    return Network([layer([[weight] for weight in weights], bias, "relu"), layer([output], [constant])])


RAMP = units([1.0], [-2.0], [1.0], -1.0)  # relu(x - 2) - 1, which is 0 at 3
TENT = units([1.0, 1.0, 1.0], [-1.0, -2.0, -3.0], [1.0, -2.0, 1.0], -0.5)  # over 0 from 1.5 to 2.5
VALLEY = units([1.0, -1.0], [-3.0, -3.0], [1.0, 1.0], -1.0)  # over 0 from 4, and up to -4
BELOW_3 = math.nextafter(3.0, 0.0)
SLOPE, FLAT = Network([layer([[2.0]], [-1.0])]), Network([layer([[0.0]], [-1.0])])


@pytest.mark.parametrize(
    ("network", "value", "expected"),
    [
        *((RAMP, value, 3.0) for value in (-99.0, 0.0, 2.5, BELOW_3, 3.0, 10.0, 99.0)),
        *((TENT, -99.0, 1.5), (TENT, 0.0, 1.5), (TENT, 1.75, 1.5), (TENT, 2.125, 2.5), (TENT, 9.0, 2.5)),
        *((VALLEY, -99.0, -4.0), (VALLEY, -1.0, -4.0), (VALLEY, -0.0, -4.0), (VALLEY, 0.0, -4.0), (VALLEY, 1.0, 4.0)),
        *((SLOPE, 0.0, 0.5), (FLAT, 0.0, None)),
    ],
)
def test_the_nearest_crossing_is_the_one_found_with_pencil_and_paper(network, value, expected):
    assert of_one(network, value) == (expected and pytest.approx(expected, rel=1e-15))


@pytest.mark.parametrize(
    ("value", "minimum", "maximum", "expected"),
    [
        (0.0, 0.0, 3.0, 3.0),
        (0.0, 0.0, BELOW_3, None),
        (0.0, 3.0, 3.0, 3.0),  # an order outside of the range
        (0.0, 3.5, 9.0, None),
        (0.0, None, 9.0, 3.0),
        (0.0, 0.0, None, None),
        (0.0, 3.0, None, None),
        (0.0, -LARGEST, LARGEST, 3.0),
        (5.0, BELOW_3, 9.0, BELOW_3),
        (5.0, 3.0, 9.0, None),
        (5.0, 0.0, BELOW_3, BELOW_3),
        (5.0, 0.0, 2.5, None),
        (5.0, 0.0, None, BELOW_3),
        (5.0, None, 9.0, None),
        (5.0, None, 3.0, None),
        (5.0, None, None, None),
    ],
)
def test_a_crossing_is_looked_for_within_the_declared_range_alone(value, minimum, maximum, expected):
    assert of_one(RAMP, value, minimum, maximum) == expected


def test_a_crossing_is_found_where_the_end_of_the_range_overflows():
    steep = units([1e300, 1e200], [-3e300, 0.0], [1e-300, 0.0], -1.0)  # 0 at 4
    assert of_one(steep, 1.0, -LARGEST, LARGEST) == pytest.approx(4.0, rel=1e-15)
    assert of_one(steep, 1e5, -LARGEST, LARGEST) == pytest.approx(4.0, rel=1e-15)
    assert of_one(steep, 1e9, -LARGEST, LARGEST) is None  # the order has no score


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, None), (1.0, (36.0, 40.0)), (0.9, (2.197, 2.198))])
def test_any_threshold_is_crossed_where_the_score_reaches_it(threshold, expected):
    found = of_one(Network([layer([[1.0]], [0.0])]), -50.0, -1e3, 1e3, threshold=threshold)
    assert found is None if expected is None else expected[0] < found < expected[1]


def test_a_peak_that_reaches_the_threshold_by_less_than_rounding_is_found():
    draw = np.random.default_rng(1)
    for _ in range(20):
        (mean, scale), (rise, fall), bend = draw.uniform(1.0, 3.0, 2), draw.uniform(0.5, 2.0, 2), draw.uniform(0.0, 2.0)
        network = Network([layer([[1.0], [1.0]], [5000.0, -bend], "relu"), layer([[rise, -rise - fall]], [-rise * 5000.0])])
        described = {"mean": [mean], "scale": [scale]}
        peak = mean + scale * bend
        around = model_of(network, **described).outputs(peak + np.spacing(peak) * np.arange(-8.0, 9.0)[:, np.newaxis])
        found = of_one(network, 0.0, 0.0, 20.0, threshold=float(around.outputs.min()), **described)
        assert found == pytest.approx(peak, rel=1e-11)


def test_a_network_that_is_not_piecewise_linear_is_named():
    with pytest.raises(NotExplainable, match="layer 1"):
        of_one(Network([layer([[1.0]], [0.0], "tanh"), layer([[1.0]], [0.0])]), 0.0)


def jumping(values=(5.0, 6.0)):
    """A model of a weekday, whose logit is weekday / 8 - 1, and 1 more where it is one of these."""
    inputs = [Input("weekday", minimum=0.0, maximum=7.5, missing=1.0, actionable=True)]
    features = [Feature("n", "weekday"), Feature("end", "weekday", "is", values), Feature("none", "weekday", "missing")]
    network = Network([layer([[0.125, 1.0, 0.0]], [-1.0])])
    created = ("jumping", "1", "2026-01-01T00:00:00Z", "")
    manifest = Manifest(*created, tuple(inputs), ("linear",), "sigmoid", 0.5, SelfTest((), ()), features=tuple(features))
    return RiskModel(manifest, Standardizer(np.zeros(3), np.ones(3), manifest.feature_names), network)


def test_an_indicator_of_a_number_is_a_crossing_at_its_value_alone():
    below_5, below_6 = math.nextafter(5.0, 0.0), math.nextafter(6.0, 0.0)
    expected = {2.0: 5.0, 5.0: below_5, 5.5: 5.0, 5.6: 6.0, 6.0: below_6, 7.25: 6.0, -3.0: 5.0, 9.0: below_6, np.nan: None}
    assert changes(jumping(), np.array([list(expected)]).T)["weekday"] == list(expected.values())


def test_a_crossing_at_zero_has_no_sign():
    at_zero = jumping(values=(0.0,))
    assert repr(changes(at_zero, np.array([[1.0], [-1.0]]))["weekday"]) == "[0.0, 0.0]"


def a_model(draw, hidden):
    """A random model of INPUTS, with orders inside and outside of their ranges. A good part of them goes to review."""
    width, layers = len(FEATURES), []
    for count in (*draw.integers(2, 6, hidden), 1):
        activation = "linear" if count == 1 else str(draw.choice(PIECEWISE_LINEAR[1:] if hidden == 1 else PIECEWISE_LINEAR))
        layers.append(layer(draw.normal(0, 1, (count, width)), draw.normal(0, 1, count), activation))
        width = count
    names = [each.name for each in FEATURES]
    standardizer = Standardizer(draw.normal(0, 1, len(names)), draw.uniform(0.5, 3.0, len(names)), names)
    ranges = {"wait": (-5, 5), "gap": (-5, 5), "weekday": (-1, 8), "carrier": (-1, 3), "month": (1, 13)}
    x = draw.uniform(*zip(*ranges.values(), strict=True), (12, len(ranges)))
    x[:, 2:] = np.floor(x[:, 2:])
    x[draw.random(12) < 0.2, 0] = 0.0
    x[draw.random(12) < 0.2, 1] = np.nan
    x[draw.random(12) < 0.2, 3] = np.nan

    threshold = float(draw.uniform(0.1, 0.9))
    activations = tuple(each.activation for each in layers)
    described = ("random", "1", "2026-01-01T00:00:00Z", "", INPUTS, activations, "sigmoid", threshold, SelfTest((), ()))
    manifest = Manifest(*described, features=FEATURES)
    logits = RiskModel(manifest, standardizer, Network(layers)).outputs(x).logits
    shift = math.log(threshold / (1.0 - threshold)) - np.median(logits) + draw.normal(0, 0.1)
    layers[-1] = replace(layers[-1], bias=layers[-1].bias + shift)
    return RiskModel(manifest, standardizer, Network(layers)), x


@cache
def drawn(seed):
    """A random model, orders, and their changes."""
    model, x = a_model(np.random.default_rng(seed), 1 + seed % 3)
    return model, x, changes(model, x)


SEEDS = range(30)
NUMBERS = [at for at, each in enumerate(INPUTS) if each.actionable and each.kind == "number"]
CARRIER = 3


def require_nearest(model, row, at, found):
    """Check a crossing by its definition, and that a fine grid finds nothing nearer."""
    of, value = model.manifest.inputs[at], row[at]
    own = review(model, row, at, value)
    low = value if of.minimum is None else of.minimum
    high = value if of.maximum is None else of.maximum
    if math.isnan(value) or own is None:
        assert found is None
        return
    if found is not None:
        towards = math.nextafter(found, value)
        assert low <= found <= high
        assert review(model, row, at, found) is (not own)
        assert review(model, row, at, towards) is not (not own)
    jumps = [one for each in model.manifest.features if each.of == of.name for one in each.values]
    around = [value, *(step for one in jumps for step in (math.nextafter(one, -math.inf), one, math.nextafter(one, math.inf)))]
    for sign, begin, end in ((1, max(value, low), high), (-1, min(value, high), low)):
        if sign * (end - begin) < 0.0 or end == value:
            continue
        points = np.append(np.linspace(begin, end, 2000), [math.nextafter(value, end), *around])
        points = np.unique(points[(points >= min(begin, end)) & (points <= max(begin, end))])[::sign]
        x = np.repeat(row[np.newaxis], len(points), axis=0)
        x[:, at] = points
        outputs = model.outputs(x)
        other = outputs.finite & ((outputs.outputs[:, 0] >= model.manifest.threshold) != own)
        begun = np.flatnonzero(~other)[:1]  # Those before it are on the other side from outside of the range on.
        seen = points[begun[0] :][other[begun[0] :]] if len(begun) else points[:0]
        if len(seen):
            nearest = abs(float(seen[0]) - value)
            assert found is not None
            assert abs(found - value) <= nearest * (1.0 + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crossing_is_on_the_other_side_and_a_fine_grid_finds_none_that_is_nearer(seed):
    model, x, found = drawn(seed)
    for at in NUMBERS:
        for row, one in zip(x, found[INPUTS[at].name], strict=True):
            require_nearest(model, row, at, one)


def test_most_of_what_the_grid_is_compared_with_are_crossings():
    found = [one for seed in SEEDS[:9] for at in NUMBERS for one in drawn(seed)[2][INPUTS[at].name]]
    assert 0.3 < sum(one is not None for one in found) / len(found) < 0.9


@settings(max_examples=40)
@given(st.data())
def test_a_crossing_of_any_preparation_is_the_nearest(data):
    inputs, features = data.draw(preparations())
    curved = {each.of for each in features if each.period or each.function == "log1p"}
    ends = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0])
    ranges = [sorted(data.draw(st.tuples(ends, ends)), key=lambda end: (end is None, end or 0.0)) for _ in inputs]
    inputs = tuple(
        replace(each, actionable=each.name not in curved, **({} if each.values else {"minimum": low, "maximum": high}))
        for each, (low, high) in zip(inputs, ranges, strict=True)
    )
    orders = data.draw(raw_orders(inputs, most=3))
    model = raw_model(inputs, features, orders[0])
    x = encoded(inputs, [[order.get(each.name) for each in inputs] for order in orders])
    for at, each in enumerate(inputs):
        for row, found in zip(x, changes(model, x).get(each.name, []), strict=each.actionable):
            if each.kind == "number":
                require_nearest(model, row, at, found)
            else:
                own = review(model, row, at, row[at])
                sides = [review(model, row, at, float(code)) for code in range(len(each.values))]
                assert found == [text for text, side in zip(each.values, sides, strict=True) if side is not own]


def exact(model, row):
    """The layers of a model as Fractions, with the slopes of their inactive units, and the z-scores of an order."""

    def fractions(numbers):
        return [Fraction(number) for number in numbers.tolist()]

    layers = [
        ([fractions(unit) for unit in each.weights], fractions(each.bias), Fraction(SLOPES[each.activation]))
        for each in model.network.layers
    ]
    return layers, fractions(model.features(row[np.newaxis])[0])


def exact_logits(layers, rows):
    """The place from 0 to 1 and the logit at each point where a unit switches between two or more rows of z-scores."""
    places = [Fraction(number, len(rows) - 1) for number in range(len(rows))]
    for weights, bias, slope in layers:
        sums = [
            [sum((w * z for w, z in zip(unit, row, strict=True)), b) for unit, b in zip(weights, bias, strict=True)]
            for row in rows
        ]
        cuts = [(places[0], sums[0])]
        for (place, low), (following, high) in pairwise(zip(places, sums, strict=True)):
            for share in sorted({a / (a - b) for a, b in zip(low, high, strict=True) if a * b < 0}):
                cut = [a + share * (b - a) for a, b in zip(low, high, strict=True)]
                cuts.append((place + share * (following - place), cut))
            cuts.append((following, high))
        places = [place for place, _ in cuts]
        rows = [[z if z > 0 else slope * z for z in row] for _, row in cuts]
    return [(place, row[0]) for place, row in zip(places, rows, strict=True)]


def exact_crossing(model, row, at):
    """The nearest crossing by exact arithmetic, or None."""
    of, value, features = model.manifest.inputs[at], row[at], model.manifest.features
    if math.isnan(value):
        return None
    layers, given = exact(model, row)
    threshold = model.manifest.threshold
    target = Fraction(math.log(threshold / (1.0 - threshold)))

    def zscores(point, jump):
        made = list(given)
        for number, each in enumerate(features):
            if each.of == of.name:
                made[number] = Fraction(point) if each.function == "number" else Fraction(jump and point in each.values)
        mean, scale = model.standardizer.mean.tolist(), model.standardizer.scale.tolist()
        return [(x - Fraction(m)) / Fraction(s) for x, m, s in zip(made, mean, scale, strict=True)]

    def logit(point, jump):
        return exact_logits(layers, [zscores(point, jump)] * 2)[0][1]

    own, found = logit(value, True) >= target, []
    jumps = {one for each in features if each.of == of.name for one in each.values}
    low = value if of.minimum is None else of.minimum
    high = value if of.maximum is None else of.maximum
    for sign, begin, end in ((1, max(value, low), high), (-1, min(value, high), low)):
        if sign * (end - begin) < 0.0 or end == value:
            continue
        line = exact_logits(layers, [zscores(begin, False), zscores(end, False)])
        points = [(Fraction(begin) + place * (Fraction(end) - Fraction(begin)), z) for place, z in line]
        for one in jumps:
            if min(begin, end) <= one <= max(begin, end):
                points += [(Fraction(one), logit(one, jump)) for jump in (False, True, False)]
        points.sort(key=lambda each: abs(each[0] - Fraction(begin)))
        if begin == value and value in jumps:
            points = points[2:]  # The line begins at the jump.
        for (before, a), (after, b) in pairwise(points):
            if (a >= target) is own and (b >= target) is not own:
                found.append(before + (after - before) * ((target - a) / (b - a)))
                break
    return min(found, key=lambda each: (abs(each - Fraction(value)), each), default=None)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crossing_is_the_one_that_exact_arithmetic_finds(seed):
    model, x, found = drawn(seed)
    for at in NUMBERS:
        for row, one in zip(x[:4], found[INPUTS[at].name], strict=False):
            expected = exact_crossing(model, row, at)
            assert one == (None if expected is None else pytest.approx(float(expected), rel=1e-9, abs=1e-14))


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_an_order_gets_the_same_changes_alone_and_in_any_batch(seed, monkeypatch):
    model, x, together = drawn(seed)
    alone = [changes(model, row[np.newaxis]) for row in x]
    assert repr({name: [one[name][0] for one in alone] for name in together}) == repr(together)
    monkeypatch.setattr(module, "_BLOCK", 5 * max(model.network.sizes))
    monkeypatch.setattr(axis, "_BLOCK", 7 * max(model.network.sizes))
    assert repr(changes(model, x[::-1])) == repr({name: each[::-1] for name, each in together.items()})


@pytest.mark.parametrize("seed", SEEDS)
def test_the_values_of_a_category_that_change_an_order_are_those_that_are_scored_to_the_other_side(seed):
    model, x, found = drawn(seed)
    texts = INPUTS[CARRIER].values
    for row, one in zip(x, found["carrier"], strict=True):
        own = review(model, row, CARRIER, row[CARRIER])
        assert one == [text for code, text in enumerate(texts) if review(model, row, CARRIER, float(code)) is not own]


def test_no_orders_and_orders_without_a_score_have_no_changes():
    model, x, _ = drawn(0)
    names = [each.name for each in INPUTS if each.actionable]
    assert changes(model, x[:0]) == {name: [] for name in names}
    steep = replace(model, standardizer=replace(model.standardizer, scale=np.full(len(FEATURES), 1e-300)))
    without = np.array([[1e200, 1.0, 1.0, UNKNOWN, 3.0]])
    assert changes(steep, without) == {name: [[] if name == "carrier" else None] for name in names}
