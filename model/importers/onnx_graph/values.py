"""What a value of a graph is to a model: columns of features, a network on them, its score, or what follows the score."""

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from model.artifact import npz
from model.importers.onnx_graph.graph import Array, Node, Texts

_PER_COLUMN = 128  # a column counts as so many numbers: it takes the memory of 20, and the time
_MOST_LAYERS = 999

Size: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A feature: the column `of` the graph's inputs, in order, or whether it is `value`, standardized with mean and scale.

    `missing` replaces the column where an order lacks it. `values` are all those for which there are features.
    """

    of: int
    mean: float = 0.0
    scale: float = 1.0
    missing: float | None = None
    value: str | int | None = None
    values: tuple[str | int, ...] = ()
    rejects_unknown: bool = False

    @property
    def raw(self) -> bool:
        """Whether it is the graph's own column as it is."""
        return self == Column(self.of)


@dataclass(frozen=True, slots=True)
class Columns:
    """Features, their kind (number, integer or text) and the dimensions that they have for an order."""

    columns: tuple[Column, ...]
    kind: str
    dims: Size


class Layer(NamedTuple):
    """`weights` (units, inputs); the bias (units,) and the activation are None until a node brings them."""

    weights: Array
    bias: Array | None = None
    activation: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Net:
    """The output of the last of these layers on these columns, and the dimensions that it has for an order."""

    columns: Columns
    layers: tuple[Layer, ...]
    dims: Size

    @property
    def last(self) -> Layer:
        return self.layers[-1]

    @property
    def units(self) -> int:
        return len(self.last.weights)

    def changed(self, **entries: Any) -> "Net":
        """The same with these entries of its last layer."""
        return replace(self, layers=(*self.layers[:-1], self.last._replace(**entries)))


@dataclass(frozen=True, slots=True, eq=False)
class Complement:
    """1 - the score of this network."""

    of: Net


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The scores of two classes: of the second it is that of this network, of the first 1 - it."""

    of: Net


@dataclass(frozen=True, slots=True)
class AfterScore:
    """What is made of the score and not part of a model, such as the label."""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """The scores by class, as ZipMap gives them."""

    of: Net


Constant: TypeAlias = npt.NDArray[Any] | Texts
Value: TypeAlias = Constant | Columns | Net | Complement | Pair | Named | AfterScore


@dataclass(slots=True)
class Found:
    """What nodes find beside the values: how many numbers they have made, whether there are two classes, whose second has the
    score, the names of the classes, and warnings for the user.
    """

    numbers: int = 0
    second_of_two: bool = False
    classes: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """A node with the values of its inputs; None is one that is left out. `opset` is the version of its operator."""

    node: Node
    values: tuple[Value | None, ...]
    opset: int
    found: Found

    def attributes(self, **defaults: Any) -> dict[str, Any]:
        """The attributes of the node, which has no others than these; each has the type of its default. Raises BadNode."""
        given = self.node.attributes
        for name, value in given.items():
            if name not in defaults or type(value) is not type(defaults[name]):
                raise self.node.error("has an attribute that this operator does not have here")
        return defaults | dict(given)

    def taken(self, count: int) -> None:
        """Raise BadNode if nodes would make more numbers than a model file can hold."""
        self.found.numbers += count
        if self.found.numbers > npz.LIMIT // 8:
            raise self.node.error(f"with it, the graph has more numbers than the {npz.LIMIT} bytes of a model file hold")

    def columns(self, columns: tuple[Column, ...], kind: str, dims: Size) -> Columns:
        """These columns as a value. Raises BadNode."""
        self.taken(_PER_COLUMN * len(columns))
        return Columns(columns, kind, dims)

    def net(self, columns: Columns, layers: tuple[Layer, ...]) -> Net:
        """The network of these layers as a value. Raises BadNode."""
        last = layers[-1]
        self.taken(last.weights.size + len(layers))
        if len(layers) > _MOST_LAYERS:
            raise self.node.error(f"over {_MOST_LAYERS} layers")
        return Net(columns, layers, (len(last.weights),))

    def unexpected(self, expected: str) -> Exception:
        """The error for a node whose values are not those that are expected."""
        return self.node.error(f"not one path from the inputs to a score that a model can hold; expected {expected}")


def per_unit(array: Constant | Any, units: int) -> Array | None:
    """(units,) float64 numbers that NumPy broadcasts to each order; None if they are of another shape, or not numbers."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.size not in (1, units):
        return None
    if array.ndim > 2 or (array.ndim == 2 and len(array) != 1):
        return None
    return np.broadcast_to(array.ravel().astype(np.float64), (units,))


def numbers(columns: Columns, entry: str) -> Array:
    """(F,): the mean or the scale of each column."""
    return np.fromiter((getattr(each, entry) for each in columns.columns), np.float64, len(columns.columns))


def joined(parts: tuple[Columns, ...]) -> tuple[Column, ...]:
    """The columns of all parts in order."""
    return tuple(chain.from_iterable(each.columns for each in parts))
