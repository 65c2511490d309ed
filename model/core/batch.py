"""Batch: order ids and their feature matrix, which every format is decoded into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from model.errors import ShapeMismatch

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """`ids` of n orders, and `matrix`: (n, F) float64, one row for each order, columns in the model's feature order."""

    ids: Sequence[str]
    matrix: Floats

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.matrix.shape[0] != len(self.ids):
            raise ShapeMismatch("batch", f"{len(self.ids)} ids for a matrix of shape {self.matrix.shape}")

    def __len__(self) -> int:
        return len(self.ids)
