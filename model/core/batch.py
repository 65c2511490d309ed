"""Batch: order ids and the matrix of their inputs, which every format is decoded into."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from model.errors import ShapeMismatch

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Positions: TypeAlias = npt.NDArray[np.intp]


FEW_ORDERS = 32
"""Up to so many orders, lists of Python's float take less time than NumPy's arrays."""


class Batch:
    """`ids` of n orders, and `matrix`: (n, I) float64, one row for each order, a column for each input as in encoding.py.

    The numbers of few orders may be given as I columns of Python's float. The matrix is made of them where it is asked for.
    """

    def __init__(self, ids: Sequence[str], numbers: Floats | list[list[float]]) -> None:
        self.ids = ids
        self._numbers = numbers
        if isinstance(numbers, list):
            fits = {len(ids)}.issuperset(map(len, numbers))
        else:
            fits = numbers.ndim == 2 and len(numbers) == len(ids)
        if not fits:
            raise ShapeMismatch("batch", f"expected two dimensions and one row for each of {len(ids)} ids")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def matrix(self) -> Floats:
        """(n, I) float64."""
        if isinstance(self._numbers, list):
            self._numbers = np.array(self._numbers, np.float64).T
        return self._numbers

    @property
    def columns(self) -> list[list[float]]:
        """The same as I columns of Python's float."""
        if isinstance(self._numbers, list):
            return self._numbers
        columns: list[list[float]] = self._numbers.T.tolist()
        return columns
