"""The texts of many numbers at once."""

import msgspec
import numpy as np

from model.core.batch import Floats

_LEAST, _MOST = 1e-4, 1e16
"""Python writes smaller and larger numbers with an exponent."""


def number_texts(numbers: Floats) -> list[str]:
    """The repr of each number. msgspec writes the same shortest digits, in a seventh of the time."""
    written = msgspec.json.encode(numbers.tolist())[1:-1].decode()
    texts = written.split(",") if written else []
    sizes = np.abs(numbers)
    for at in np.flatnonzero(~((sizes >= _LEAST) & (sizes < _MOST) | (sizes == 0))).tolist():
        texts[at] = repr(float(numbers[at]))
    return texts
