"""The operators of the network: sums, biases, activations and the score of two classes."""

import re
from decimal import Decimal

import numpy as np

from model.core.activations import ACTIVATION
from model.importers.onnx_graph.graph import Array
from model.importers.onnx_graph.values import Call, Columns, Constant, Layer, Net, Pair, Value, per_unit

_ONE_ROW = "numbers (orders, columns)"
_GELU = {"none": "gelu", "tanh": "gelu_tanh"}
_OLD_GELU = "a Gelu that is written so is one operator from opset 20 on: export with opset_version=20"


def finite(call: Call, array: Array) -> Array:
    """The same numbers as float64. Raises BadNode."""
    call.taken(array.size)
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise call.node.error("its weights or bias contain a number that is not finite")
    return numbers


def layer(call: Call, of: Value | None, weights: Array, bias: Array | None = None) -> Net:
    """A layer with weights (units, inputs) and a bias on columns or on the layer before."""
    before: tuple[Layer, ...] = ()
    match of:
        case Columns(kind="number", dims=(width,)):
            columns = of
        case Net(dims=(width,)):
            columns, before = of.columns, of.layers
            if before[-1].bias is None:
                before = (*before[:-1], before[-1]._replace(bias=np.zeros(width)))
        case _:
            raise call.unexpected(_ONE_ROW)
    if weights.ndim != 2 or weights.dtype.kind != "f" or weights.shape[1] != width:
        raise call.node.error(f"weights of shape {weights.shape} (units, inputs) on {width} columns")
    return call.net(columns, (*before, Layer(finite(call, weights), bias)))


def mat_mul(call: Call) -> Net:
    """x @ weights."""
    call.attributes()
    match call.values:
        case [Columns() | Net() as of, np.ndarray() as weights]:
            return layer(call, of, weights.T)
    raise call.unexpected(f"{_ONE_ROW} times weights")


def gemm(call: Call) -> Net:
    """alpha * x @ weights + beta * bias; transB has the weights as (units, inputs)."""
    given = call.attributes(alpha=1.0, beta=1.0, transA=0, transB=0)
    match call.values:
        case [Columns() | Net() as of, np.ndarray() as weights, *rest] if not given["transA"] and len(rest) < 2:
            made = layer(call, of, weights if given["transB"] else weights.T)
            if given["alpha"] != 1.0:
                with np.errstate(all="ignore"):
                    made = made.changed(weights=finite(call, made.last.weights * given["alpha"]))
            bias = np.zeros(made.units) if not rest or rest[0] is None else per_unit(rest[0], made.units)
            if bias is None:
                raise call.node.error(f"its bias is not one number for each of {made.units} units")
            with np.errstate(all="ignore"):
                return made.changed(bias=finite(call, bias * given["beta"]))
    raise call.unexpected(f"{_ONE_ROW} times weights, with transA=0")


def add_bias(call: Call, of: Net, bias: Constant) -> Net:
    """A bias on sums that have none yet."""
    numbers = per_unit(bias, of.units) if of.last.bias is None and len(of.dims) == 1 else None
    if numbers is None or of.last.activation is not None:
        raise call.unexpected(f"MatMul before it and a bias of {of.units} numbers")
    return of.changed(bias=finite(call, numbers))


def activated(call: Call, name: str) -> Net:
    """The activation of this name on sums."""
    match call.values:
        case [Net() as of] if of.last.activation is None:
            call.taken(len(of.layers))
            return of.changed(activation=name)
    raise call.unexpected("the sums of a layer, which has one activation")


def leaky_relu(call: Call) -> Net:
    """The slope is the float32 in the file, to the last digit."""
    alpha = call.attributes(alpha=float(np.float32(0.01)))["alpha"]
    text = f"leaky_relu:{Decimal(repr(alpha)):f}"
    if not re.fullmatch(ACTIVATION, text):
        raise call.node.error("expected an alpha from 0 to 1, not so small that it needs more than 20 digits")
    return activated(call, text)


def gelu(call: Call) -> Net:
    """The exact one, or its approximation by tanh."""
    name = _GELU.get(call.attributes(approximate="none")["approximate"])
    if name is None:
        raise call.node.error("expected approximate none or tanh")
    return activated(call, name)


def softmax(call: Call) -> Pair:
    """The softmax of two logits: the sigmoid of their difference is the score of the second class."""
    axis = call.attributes(axis=1 if call.opset < 13 else -1)["axis"]
    match call.values:
        case [Net(dims=(2,)) as of] if of.last.activation is None and axis in (1, -1):
            last = of.last
            bias = np.zeros(2) if last.bias is None else last.bias
            with np.errstate(all="ignore"):
                folded = of.changed(
                    weights=finite(call, last.weights[1:] - last.weights[:1]),
                    bias=finite(call, bias[1:] - bias[:1]),
                    activation="sigmoid",
                )
            call.taken(len(of.layers))
            call.found.second_of_two = True
            return Pair(Net(folded.columns, folded.layers, (1,)))
    raise call.unexpected("two sums of the last layer, along the axis of the classes")


def not_before_a_layer(call: Call) -> Exception:
    """The error for an operator that has a place before the first layer alone."""
    return call.unexpected(f"columns before the first layer; {_OLD_GELU}")
