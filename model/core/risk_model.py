"""RiskModel: a preparation, a standardizer, a network and a manifest, which give a Batch its Scores."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np

from model.core.activations import HEADS, NOT_PORTABLE
from model.core.batch import Batch, Flags, Floats
from model.core.encoding import encoded
from model.core.explanation import Explainer
from model.core.few_rows import ROW_BY_ROW, FewRows, FewScores, few_rows
from model.core.manifest import Manifest, Reserved, no_names
from model.core.network import Network
from model.core.preparation import Preparation
from model.core.standardizer import Standardizer
from model.errors import NotServable, SelfTestFailed, ShapeMismatch, TooLarge, UnknownName

_CLOSE = 1e-12
_BUFFER = 512
"""Numbers of one dimension from which NumPy repeats an operand without a copy of it. From its own 8,192, a column of weights
would be copied for each of fewer orders, which takes up to as long as the sums.
"""

# Orders of a self-test times units of the widest layer, which are in memory at once. Five orders are always allowed.
_SELF_TEST_LIMIT = 2**20
_MOST_COMPARED = 1000  # orders of a self-test that few_rows.py scores too, which takes 30 ms


class Scores(NamedTuple):
    """The scores of n orders: `logits`, `scores`, `review` and `finite` are (n,), `zscores` (n, F), `out_of_range` (n, I).

    `review` is score >= threshold, on the unrounded score. Where `finite` is False, a feature has no value or a sum in the
    network overflowed a float64, and the logit and score are meaningless. `regular` is True if all orders are finite and none
    is out of range.
    """

    logits: Floats
    scores: Floats
    review: Flags
    zscores: Floats
    out_of_range: Flags
    finite: Flags
    regular: bool

    @property
    def values(self) -> list[float]:
        """The scores as Python's float."""
        values: list[float] = self.scores.tolist()
        return values

    @property
    def reviews(self) -> int:
        """How many orders go to review."""
        return int(np.count_nonzero(self.review))

    @property
    def by_feature(self) -> Floats:
        """(F, n): the z-scores of each feature."""
        return self.zscores.T

    def with_review(self, review: Flags) -> "Scores":
        """The same with other review flags (n,)."""
        return self._replace(review=review)


class Outputs(NamedTuple):
    """The outputs of the network for n orders: `zscores` (n, F), `logits` and `outputs` (n, outputs), `finite` (n,)."""

    zscores: Floats
    logits: Floats
    outputs: Floats
    finite: Flags


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """A network that matches its manifest. `sha256` is the digest of the file it was read from, else None."""

    manifest: Manifest
    standardizer: Standardizer
    network: Network
    sha256: str | None = None
    _bounds: tuple[Floats, Floats] = field(init=False, repr=False)
    _prepare: Preparation | None = field(init=False, repr=False)
    _few_rows: FewRows | None = field(init=False, repr=False)
    _explainer: Explainer | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        low = [-np.inf if each.minimum is None else each.minimum for each in self.manifest.inputs]
        high = [np.inf if each.maximum is None else each.maximum for each in self.manifest.inputs]
        object.__setattr__(self, "_bounds", (np.array(low), np.array(high)))
        features, (inputs, *_, outputs) = len(self.manifest.features), self.network.sizes
        if self.manifest.head not in HEADS:
            raise UnknownName("manifest.head", f"expected one of {', '.join(HEADS)}")
        if inputs != features:
            raise ShapeMismatch("w1", f"takes {inputs} inputs, but the model has {features} features")
        test, rows_of = self.manifest.self_test, len(self.manifest.inputs)
        for part, rows, width in (("orders", test.orders, rows_of), ("scores", test.scores, outputs)):
            if any(len(row) != width for row in rows) or len(rows) != len(test.orders):
                raise ShapeMismatch(f"manifest.self_test.{part}", f"expected {len(test.orders)} rows of {width} numbers")
        prepare = Preparation(self.manifest.inputs, self.manifest.features) if self.manifest.prepared else None
        few = few_rows(self.standardizer, self.network, self.manifest.head, self._bounds) if prepare is None else None
        object.__setattr__(self, "_prepare", prepare)
        object.__setattr__(self, "_few_rows", few)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: another process makes the model again, and checks its arithmetic."""
        return _checked, (self.manifest, self.standardizer, self.network, self.sha256)

    @property
    def prepared(self) -> bool:
        """Whether features are made of the inputs, or an order may lack some of them."""
        return self._prepare is not None

    @property
    def explainer(self) -> Explainer:
        """Explains the logits of orders by their z-scores. Raises NotExplainable."""
        if self._explainer is None:
            object.__setattr__(self, "_explainer", Explainer(self.manifest, self.network))
        return cast(Explainer, self._explainer)

    def features(self, x: Floats) -> Floats:
        """(n, F) features of the inputs x (n, I)."""
        return x if self._prepare is None else self._prepare(x)

    def outputs(self, x: Floats) -> Outputs:
        """The outputs for the inputs x (n, I): any number of outputs, any head."""
        with np.errstate(all="ignore"):
            np.setbufsize(_BUFFER)  # to the end of the block, as errstate
            return self.outputs_of(self.standardizer(self.features(x)))

    def outputs_of(self, zscores: Floats) -> Outputs:
        """The same for z-scores (n, F)."""
        with np.errstate(all="ignore"):
            finite = np.ones(len(zscores), np.bool_)
            for step in self.network.forward(zscores):
                if not math.isfinite(np.add.reduce(step.pre_activations, axis=None)):  # a sum of finite ones may overflow too
                    finite &= np.isfinite(step.pre_activations).all(axis=1)
                logits = step.activations
            return Outputs(zscores, logits, self.head(logits), finite)

    def head(self, logits: Floats) -> Floats:
        """The outputs of the head for these logits, both (n, outputs)."""
        return HEADS[self.manifest.head](np.ascontiguousarray(logits.T)).T

    def score(self, batch: Batch) -> Scores | FewScores:
        """Score a batch whose columns are the inputs in order. Raises NotServable and ShapeMismatch."""
        few, threshold, inputs = self._few_rows, self.manifest.threshold, len(self.manifest.inputs)
        if few is not None and few.takes(len(batch)):
            columns = batch.columns
            scored = few(columns, threshold) if len(columns) == inputs else None
            if scored is not None:
                return scored
        x = batch.matrix
        if x.shape[1] != inputs:
            raise ShapeMismatch("batch", f"{x.shape[1]} columns for {inputs} inputs")
        self.require_risk()
        zscores, logits, outputs, finite = self.outputs(x)
        scores, outside = outputs[:, 0], self.out_of_range(x)
        regular = not np.count_nonzero(outside) and np.count_nonzero(finite) == len(finite)
        return Scores(logits[:, 0], scores, scores >= threshold, zscores, outside, finite, regular)

    def require_risk(self, reserved: Reserved = no_names) -> None:
        """Raise NotServable unless the network has one output under a sigmoid head and no input and no
        context has a `reserved` name.
        """
        outputs = self.network.sizes[-1]
        if outputs != 1 or self.manifest.head != "sigmoid":
            reason = f"expected one output under a sigmoid head; this model has {outputs} under {self.manifest.head}"
            raise NotServable("manifest.head", reason)
        taken = reserved(self.manifest)
        for name in (*self.manifest.input_names, *self.manifest.context_names):
            if name in taken:
                raise NotServable("manifest.features", f"features must not be named `{name}`, which is an output column")

    def check_self_test(self) -> None:
        """Raise SelfTestFailed unless the orders of the self-test get its scores.

        They must match to the last bit if every activation is portable, else to 1e-12. Raises TooLarge if there are too
        many orders for the width of the network; they are not scored. If few_rows.py gives any of the first orders other
        bits than NumPy, NumPy scores all batches of this model from now on.
        """
        test, widest = self.manifest.self_test, max(self.network.sizes)
        if len(test.orders) * widest > max(_SELF_TEST_LIMIT, 5 * widest):
            raise TooLarge("manifest.self_test.orders", f"{len(test.orders)} orders for layers of up to {widest} units")
        tolerance = 0.0 if NOT_PORTABLE.isdisjoint(self.manifest.activations) else _CLOSE
        try:
            orders = encoded(self.manifest.inputs, test.orders)
        except (KeyError, ValueError) as error:
            raise SelfTestFailed("manifest.self_test", "an order has a value that its input does not take") from error
        found = self.outputs(orders)
        with np.errstate(all="ignore"):
            expected = np.array(test.scores, np.float64)
            agree = np.abs(found.outputs - expected) <= tolerance * np.maximum(np.abs(expected), 1.0)
        if not agree.all():
            other = (~agree.all(axis=1)).sum()
            raise SelfTestFailed("manifest.self_test", f"{other} of {len(agree)} orders get other scores than in the file")
        if self._few_rows is not None and not _agree(self._few_rows, orders[:_MOST_COMPARED], found):
            object.__setattr__(self, "_few_rows", None)

    def out_of_range(self, x: Floats) -> Flags:
        """(n, I): True where an input is outside the range of the training data."""
        low, high = self._bounds
        return (x < low) | (x > high)


def _checked(*parts: Any) -> RiskModel:
    model = RiskModel(*parts)
    model.check_self_test()
    return model


def _agree(few_rows: FewRows, x: Floats, expected: Outputs) -> bool:
    """Whether each row of x gets the expected bits from both functions for few rows, or none because it is not regular."""
    numbers = np.concatenate(expected[:3], axis=1)
    for times in (1, ROW_BY_ROW + 1):
        for row, many in zip(x.tolist(), numbers, strict=False):
            few = few_rows([[value] * times for value in row], 0.0)
            if few is None:
                continue
            if np.column_stack([few.zscores, few.logits, few.scores]).tobytes() != many.tobytes() * times:
                return False
    return True
