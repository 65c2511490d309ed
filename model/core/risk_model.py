"""RiskModel: standardizer, network and manifest together, and the Scores that it gives a Batch."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from model.core.activations import HEADS, PORTABLE
from model.core.batch import Batch, Flags, Floats
from model.core.manifest import Manifest
from model.core.network import Network
from model.core.standardizer import Standardizer
from model.errors import NotServable, SelfTestFailed, ShapeMismatch, TooLarge, UnknownName

_NOT_PORTABLE = 1e-12
# Orders of a self-test times units of the widest layer, which are held at once; five orders are never too many.
_SELF_TEST_LIMIT = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What n orders get: `logits` and `scores` (n,), `review` and `finite` (n,), `zscores` and `out_of_range` (n, F).

    `review` is score >= threshold, on the unrounded score. Where `finite` is False, a sum on the way to the logit was too
    large for a float64, and neither logit nor score means anything.
    """

    logits: Floats
    scores: Floats
    review: Flags
    zscores: Floats
    out_of_range: Flags
    finite: Flags


class Outputs(NamedTuple):
    """What the network gives for n orders: `zscores` (n, F), `logits` and `outputs` (n, outputs), `finite` (n,)."""

    zscores: Floats
    logits: Floats
    outputs: Floats
    finite: Flags


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """A network that fits its manifest. `sha256` is the digest of the file it was read from, None before that."""

    manifest: Manifest
    standardizer: Standardizer
    network: Network
    sha256: str | None = None
    _bounds: tuple[Floats, Floats] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        low = [-np.inf if feature.minimum is None else feature.minimum for feature in self.manifest.features]
        high = [np.inf if feature.maximum is None else feature.maximum for feature in self.manifest.features]
        object.__setattr__(self, "_bounds", (np.array(low), np.array(high)))
        features, (inputs, *_, outputs) = len(self.manifest.features), self.network.sizes
        if self.manifest.head not in HEADS:
            raise UnknownName("manifest.head", f"expected one of {', '.join(HEADS)}")
        if inputs != features:
            raise ShapeMismatch("w1", f"takes {inputs} inputs, but there are {features} features")
        for place, rows, width in (
            ("manifest.self_test.orders", self.manifest.self_test.orders, features),
            ("manifest.self_test.scores", self.manifest.self_test.scores, outputs),
        ):
            if any(len(row) != width for row in rows) or len(rows) != len(self.manifest.self_test.orders):
                raise ShapeMismatch(place, f"expected {len(self.manifest.self_test.orders)} rows of {width} numbers")

    def outputs(self, x: Floats) -> Outputs:
        """Every output for x (n, F), in the features' own units: any number of outputs, any head."""
        with np.errstate(all="ignore"):
            zscores = self.standardizer(x)
            finite = np.ones(len(x), np.bool_)
            for step in self.network.forward(zscores):
                if not math.isfinite(np.add.reduce(step.pre_activations, axis=None)):  # a sum of finite ones may overflow too
                    finite &= np.isfinite(step.pre_activations).all(axis=1)
                logits = step.activations
            return Outputs(zscores, logits, self.head(logits), finite)

    def head(self, logits: Floats) -> Floats:
        """The outputs (n, outputs) that the head makes of logits of that shape."""
        return HEADS[self.manifest.head](np.ascontiguousarray(logits.T)).T

    def score(self, batch: Batch) -> Scores:
        """Score a batch in the model's feature order. Raises NotServable and ShapeMismatch."""
        self.require_risk()
        if batch.matrix.shape[1] != len(self.manifest.features):
            raise ShapeMismatch("batch", f"{batch.matrix.shape[1]} columns for {len(self.manifest.features)} features")
        zscores, logits, outputs, finite = self.outputs(batch.matrix)
        scores = outputs[:, 0]
        return Scores(
            logits=logits[:, 0],
            scores=scores,
            review=scores >= self.manifest.threshold,
            zscores=zscores,
            out_of_range=self.out_of_range(batch.matrix),
            finite=finite,
        )

    def require_risk(self, reserved: Collection[str] = ()) -> None:
        """Raise NotServable unless the network has one output under a sigmoid head and no feature has a `reserved` name."""
        outputs = self.network.sizes[-1]
        if outputs != 1 or self.manifest.head != "sigmoid":
            reason = f"a delay risk is one output under a sigmoid head; this is {outputs} under {self.manifest.head}"
            raise NotServable("manifest.head", reason)
        for name in self.manifest.feature_names:
            if name in reserved:
                raise NotServable("manifest.features", f"features must not be named `{name}`, which is an output column")

    def check_self_test(self) -> None:
        """Raise SelfTestFailed unless the file's own orders get the scores that it gives for them.

        To the last bit where every activation is portable, to 1e-12 otherwise. More orders than are reasonable for the
        width of the network are TooLarge, and not scored.
        """
        test, widest = self.manifest.self_test, max(self.network.sizes)
        if len(test.orders) * widest > max(_SELF_TEST_LIMIT, 5 * widest):
            raise TooLarge("manifest.self_test.orders", f"{len(test.orders)} of them for layers of up to {widest} units")
        tolerance = 0.0 if PORTABLE.issuperset(self.manifest.activations) else _NOT_PORTABLE
        outputs = self.outputs(np.array(test.orders, np.float64)).outputs
        with np.errstate(all="ignore"):
            expected = np.array(test.scores, np.float64)
            agree = np.abs(outputs - expected) <= tolerance * np.maximum(np.abs(expected), 1.0)
        if not agree.all():
            raise SelfTestFailed("manifest.self_test", f"{(~agree.all(axis=1)).sum()} of {len(agree)} orders get other scores")

    def out_of_range(self, x: Floats) -> Flags:
        """(n, F): True where a feature lies outside the range that the model was trained on."""
        low, high = self._bounds
        return (x < low) | (x > high)
