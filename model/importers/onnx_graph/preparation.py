"""The operators before the network: they choose, fill, encode and standardize columns."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.importers.onnx_graph.graph import Array
from model.importers.onnx_graph.values import Call, Column, Columns, joined, numbers, per_unit

_BEFORE = "numbers that no layer has changed yet"


def select(call: Call, of: Columns, places: Array) -> Columns:
    """Some of the columns, as Gather and ArrayFeatureExtractor choose them."""
    wanted = places.ravel().tolist()
    count = len(of.columns)
    if places.dtype.kind != "i" or places.ndim > 2 or (places.ndim == 2 and len(places) > 1) or len(of.dims) != 1:
        raise call.unexpected("a list of columns")
    if any(not -count <= each < count for each in wanted):
        raise call.node.error("a column that its input does not have")
    return call.columns(tuple(of.columns[each] for each in wanted), of.kind, (len(wanted),))


def concatenate(call: Call, parts: tuple[Columns, ...], axis: int) -> Columns:
    """Columns side by side."""
    first = parts[0]
    last = len(first.dims)  # the axis of the last dimension; that of the orders is 0
    if last == 0 or axis not in (last, -1) or any(len(each.dims) != last for each in parts):
        raise call.unexpected("columns that are put side by side along the last axis")
    if any(each.kind != first.kind for each in parts) or any(each.dims[:-1] not in ((), (1,)) for each in parts):
        raise call.unexpected("columns of one kind; cast integers before")
    columns = joined(parts)
    return call.columns(columns, first.kind, (*first.dims[:-1], len(columns)))


def standardize(call: Call, of: Columns, mean: Array | float, scale: Array | float) -> Columns:
    """(column - mean) / scale; with a standardization before it, both in one."""
    if of.kind != "number":
        raise call.unexpected(f"{_BEFORE}; cast integers before")
    before = numbers(of, "scale")
    with np.errstate(all="ignore"):
        means, scales = (numbers(of, "mean") + mean * before).tolist(), (before * scale).tolist()
    made = (replace(each, mean=m, scale=s) for each, m, s in zip(of.columns, means, scales, strict=True))
    return call.columns(tuple(made), of.kind, of.dims)


def scaler(call: Call) -> Columns:
    """ai.onnx.ml Scaler: (x - offset) * scale."""
    match call.values:
        case [Columns() as of]:
            given = call.attributes(offset=(), scale=())
            offset, scale = (per_unit(np.array(given[name]), len(of.columns)) for name in ("offset", "scale"))
            if offset is None or scale is None or len(of.dims) != 1:
                raise call.node.error("expected an offset and a scale for each column")
            call.found.warnings.append(
                f"{call.node.location}: Scaler has float32 numbers and multiplies where scikit-learn divides, so scores "
                "differ by about 1e-6; export with inputs of DoubleTensorType for exact ones"
            )
            with np.errstate(all="ignore"):
                return standardize(call, of, offset, 1.0 / scale)
    raise call.unexpected(_BEFORE)


def imputer(call: Call) -> Columns:
    """ai.onnx.ml Imputer of missing numbers, which are NaN."""
    given = call.attributes(imputed_value_floats=(), replaced_value_float=0.0)
    match call.values:
        case [Columns(kind="number", dims=(width,)) as of]:
            values = per_unit(np.array(given["imputed_value_floats"], np.float64), width)
            if values is None or given["replaced_value_float"] == given["replaced_value_float"]:
                raise call.node.error("expected a value for each column, in place of NaN")
            if not np.isfinite(values).all() or not all(each.raw for each in of.columns):
                raise call.node.error("expected finite values in place of columns that no node has changed")
            made = (replace(each, missing=value) for each, value in zip(of.columns, values.tolist(), strict=True))
            return call.columns(tuple(made), of.kind, of.dims)
    raise call.unexpected(_BEFORE)


def one_hot(call: Call) -> Columns:
    """ai.onnx.ml OneHotEncoder of texts or integers."""
    given = call.attributes(cats_int64s=(), cats_strings=(), zeros=1)
    integers, texts = given["cats_int64s"], given["cats_strings"]
    match call.values:
        case [Columns(kind="text" | "integer" as kind) as of] if len(of.dims) < 2:
            values: Sequence[str | int] = texts if kind == "text" else integers
            if not values or (texts and integers) or len(set(values)) < len(values):
                raise call.node.error(f"expected different categories, each {'a text' if kind == 'text' else 'an integer'}")
            if kind == "integer" and not given["zeros"]:
                raise call.node.error("rejects unknown integers, which a model cannot; export with handle_unknown='ignore'")
            call.taken(len(of.columns) * len(values))
            made = (
                Column(each.of, value=value, values=tuple(values), rejects_unknown=not given["zeros"])
                for each in of.columns
                for value in values
            )
            return call.columns(tuple(made), "number", (*of.dims, len(values)))
    raise call.unexpected("texts or integers as they are in an order")


def reshape(call: Call, dims: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions for an order that a Reshape to `new`, with that of the orders, gives those with these. Raises BadNode."""
    size, first, rest = int(np.prod(dims, dtype=np.int64)), new[0] if new else None, list(new[1:])
    if first not in (0, -1) or any(each == 0 for each in rest):
        raise call.unexpected("a shape that begins with -1, for the orders")
    if rest.count(-1) and first == 0:
        known = -int(np.prod(rest, dtype=object))
        rest = [size // known if each == -1 else each for each in rest] if known > 0 else rest
    if any(each < 0 for each in rest) or int(np.prod(rest, dtype=object)) != size or len(rest) > 2:
        raise call.unexpected("a shape with the same numbers for an order")
    return tuple(rest)
