"""Standardizer: features to z-scores, by the mean and scale of the training data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.core.batch import Floats
from model.errors import NotFinite, ScaleNotPositive, ShapeMismatch


@dataclass(frozen=True, slots=True, eq=False)
class Standardizer:
    """`mean` and `scale`: (F,) float64 in the units of the features; `names` are the features, for errors."""

    mean: Floats
    scale: Floats
    names: Sequence[str]

    def __post_init__(self) -> None:
        for location, array in (("mean", self.mean), ("scale", self.scale)):
            if array.shape != (len(self.names),):
                raise ShapeMismatch(location, f"shape {array.shape}, but there are {len(self.names)} features")
            for name, finite in zip(self.names, np.isfinite(array), strict=True):
                if not finite:
                    raise NotFinite(location, f"not a finite number for feature {name}")
        for name, usable in zip(self.names, self.scale >= np.finfo(np.float64).tiny, strict=True):
            if not usable:
                reason = f"not a positive normal number for feature {name} (use 1.0 for a constant feature)"
                raise ScaleNotPositive("scale", reason)

    def __call__(self, x: Floats) -> Floats:
        """z = (x - mean) / scale for x (n, F). The caller's np.errstate applies to overflow."""
        return (x - self.mean) / self.scale
