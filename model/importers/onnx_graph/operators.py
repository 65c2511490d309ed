"""The table of operators: what each makes of values.

An operator that is not in the table is rejected, and so is one whose values or attributes it does not expect.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from model.importers.onnx_graph import layers, preparation
from model.importers.onnx_graph.values import (
    AfterScore,
    Call,
    Columns,
    Complement,
    Named,
    Net,
    Pair,
    Value,
    per_unit,
)

_FLOAT, _DOUBLE = 1, 11
_INTEGERS = (6, 7)
_FLOATS = {_FLOAT: np.float32, _DOUBLE: np.float64}
_CONSTANTS = ("value", "value_float", "value_floats", "value_int", "value_ints")


def _same(call: Call) -> Value:
    call.attributes()
    match call.values:
        case [value] if value is not None:
            return value
    raise call.unexpected("one value")


def _cast(call: Call) -> Value:
    to = call.attributes(to=0, saturate=1)["to"]
    match call.values:
        case [AfterScore()]:
            return AfterScore()
        case [np.ndarray() as array] if to in _FLOATS and array.dtype.kind in "fi":
            call.taken(array.size)
            with np.errstate(all="ignore"):
                return array.astype(_FLOATS[to])
        case [Columns(kind="number" | "integer") as of] if to in _FLOATS:
            return replace(of, kind="number")
        case [Columns(kind="integer") as of] if to in _INTEGERS:
            return of
        case [Net() | Pair() | Complement() as of] if to in _FLOATS:
            return of
    raise call.unexpected("a cast of numbers to float or double")


def _constant(call: Call) -> Value:
    given = call.node.attributes
    if len(given) != 1 or not given.keys() <= set(_CONSTANTS) or call.values:
        raise call.unexpected("a tensor, a number or a list of numbers")
    name, value = next(iter(given.items()))
    if isinstance(value, np.ndarray) or name == "value":
        return value  # type: ignore[no-any-return]
    return np.array(value, np.float32 if "float" in name else np.int64)


def _transpose(call: Call) -> Value:
    match call.values:
        case [np.ndarray(ndim=2) as array] if call.attributes(perm=(1, 0))["perm"] in ((1, 0), (0, 1)):
            return array.T if call.node.attributes.get("perm") != (0, 1) else array
    raise call.unexpected("weights of two dimensions")


def _reshape(call: Call) -> Value:
    zeros = call.attributes(allowzero=0)["allowzero"]
    match call.values:
        case [AfterScore(), np.ndarray()]:
            return AfterScore()
        case [Columns() | Net() as of, np.ndarray(ndim=1) as shape] if shape.dtype.kind == "i" and len(shape) < 4:
            new = tuple(shape.tolist())
            if zeros and 0 in new:
                raise call.unexpected("no dimension of 0")
            return replace(of, dims=preparation.reshape(call, of.dims, new))
    raise call.unexpected("columns, or units of a layer, and a list of dimensions")


def _flatten(call: Call) -> Value:
    axis = call.attributes(axis=1)["axis"]
    match call.values:
        case [Columns() | Net() as of] if axis == 1:
            return replace(of, dims=(int(np.prod(of.dims, dtype=np.int64)),))
    raise call.unexpected("axis=1")


def _squeeze(call: Call) -> Value:
    given = call.attributes(axes=())["axes"]
    match call.values:
        case [Net(dims=(1,)) as of, *rest] if len(rest) < 2:
            axes = rest[0].ravel().tolist() if rest and isinstance(rest[0], np.ndarray) else list(given)
            if all(isinstance(each, int) for each in axes) and axes in ([1], [-1]):
                return replace(of, dims=())
    raise call.unexpected("one score for each order and its axis")


def _concat(call: Call) -> Value:
    axis = call.attributes(axis=0)["axis"]
    match call.values:
        case [Complement() as first, Net() as second] if first.of.layers is second.layers and axis in (1, -1):
            return Pair(second)
        case [Columns(), *_] if all(isinstance(each, Columns) for each in call.values):
            return preparation.concatenate(call, call.values, axis)  # type: ignore[arg-type]
    raise call.unexpected("columns, or 1 - score and the score")


def _subtract(call: Call) -> Value:
    call.attributes()
    match call.values:
        case [Columns() as of, np.ndarray() as mean] if (offset := _for_columns(of, mean)) is not None:
            return preparation.standardize(call, of, offset, 1.0)
        case [np.ndarray(size=1) as one, Net(dims=(1,)) as of] if one.ndim < 3 and one.item() == 1.0:
            if of.last.activation == "sigmoid" and one.dtype.kind == "f":
                return Complement(of)
    raise layers.not_before_a_layer(call)


def _divide(call: Call) -> Value:
    call.attributes()
    match call.values:
        case [Columns() as of, np.ndarray() as scale] if (divisor := _for_columns(of, scale)) is not None:
            return preparation.standardize(call, of, 0.0, divisor)
    raise layers.not_before_a_layer(call)


def _for_columns(of: Columns, array: Any) -> Any:
    """A number for each column, for columns of one dimension."""
    return per_unit(array, len(of.columns)) if len(of.dims) == 1 else None


def _add(call: Call) -> Value:
    call.attributes()
    match call.values:
        case [Net() as of, np.ndarray() as bias] | [np.ndarray() as bias, Net() as of]:
            return layers.add_bias(call, of, bias)
    raise call.unexpected("the sums of MatMul and a bias")


def _gather(call: Call) -> Value:
    axis = call.attributes(axis=0)["axis"]
    match call.values:
        case [Columns() as of, np.ndarray(ndim=1) as places] if axis in (1, -1):
            return preparation.select(call, of, places)
    raise call.unexpected("columns along axis 1")


def _extract(call: Call) -> Value:
    call.attributes()
    match call.values:
        case [Columns() as of, np.ndarray() as places]:
            return preparation.select(call, of, places)
        case [np.ndarray() | tuple() as classes, AfterScore()]:
            _name_classes(call, classes.ravel().tolist() if isinstance(classes, np.ndarray) else classes)
            return AfterScore()
    raise call.unexpected("columns, or the labels of the classes")


def _zip_map(call: Call) -> Value:
    given = call.attributes(classlabels_int64s=(), classlabels_strings=())
    match call.values:
        case [Pair(of) | (Net() as of)]:
            _name_classes(call, given["classlabels_strings"] or given["classlabels_int64s"])
            return Named(of)
    raise call.unexpected("the score, or those of two classes")


def _name_classes(call: Call, labels: Any) -> None:
    if len(labels) == 2:
        call.found.classes = tuple(map(str, labels))


def _after_score(call: Call) -> Value:
    match call.values:
        case [Net() | Pair()]:
            return AfterScore()
    raise call.unexpected("the score before it")


def _activation(name: str, call: Call) -> Value:
    call.attributes()
    return layers.activated(call, name)


OPERATORS: dict[str, Callable[[Call], Value]] = {
    "Add": _add,
    "ArgMax": _after_score,
    "Cast": _cast,
    "Concat": _concat,
    "Constant": _constant,
    "Div": _divide,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": layers.gelu,
    "Gemm": layers.gemm,
    "Identity": _same,
    "LeakyRelu": layers.leaky_relu,
    "MatMul": layers.mat_mul,
    "Relu": partial(_activation, "relu"),
    "Reshape": _reshape,
    "Sigmoid": partial(_activation, "sigmoid"),
    "Softmax": layers.softmax,
    "Squeeze": _squeeze,
    "Sub": _subtract,
    "Tanh": partial(_activation, "tanh"),
    "Transpose": _transpose,
    "ai.onnx.ml.ArrayFeatureExtractor": _extract,
    "ai.onnx.ml.Binarizer": _after_score,
    "ai.onnx.ml.Imputer": preparation.imputer,
    "ai.onnx.ml.OneHotEncoder": preparation.one_hot,
    "ai.onnx.ml.Scaler": preparation.scaler,
    "ai.onnx.ml.ZipMap": _zip_map,
}
