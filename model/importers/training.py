"""What an import takes from a file that a training script saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model.core.batch import Floats
from model.core.manifest import Feature, Input
from model.errors import BadArray

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """`arrays` are mean, scale, w1, b1, w2, … and, optional, check_x and check_scores, of any real type.

    `names` are those of the features. With a preparation of its own the file has `inputs` and the `features` made of them.
    `activations` of all layers and `head` of the outputs are None where the file does not say. `remarks` and `warnings` are for
    the user, and `provenance` is for the model file.
    """

    names: tuple[str, ...]
    arrays: Arrays
    activations: tuple[str, ...] | None = None
    head: str | None = None
    inputs: tuple[Input, ...] = ()
    features: tuple[Feature, ...] = ()
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)


def float64(name: str, array: npt.NDArray[Any]) -> Floats:
    """The array of this name as C-ordered float64. Raises BadArray."""
    if array.dtype.kind not in "fiu":
        raise BadArray(name, "expected real numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float64)
