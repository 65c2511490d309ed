"""The names of the columns of a graph, and the inputs and features of a model that are those columns."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from model.artifact import inputs as manifest_inputs
from model.core.manifest import CATEGORY, NONE, NUMBER, REFUSE, Feature, Input, as_they_are
from model.errors import BadGraph, BadManifest
from model.importers.onnx_graph.graph import GraphInput, shown
from model.importers.onnx_graph.values import Column, Columns

_MOST_COLUMNS = 2**14
_LONGEST, _DIGITS = 64, 7
_GIVE = "give --features NAME,NAME,…, a name for each column"


@dataclass(frozen=True, slots=True)
class GraphColumns:
    """The name of each column of the graph's inputs, in their order, and the columns of each input by its name."""

    names: tuple[str, ...]
    values: Mapping[str, Columns]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The names of the features; the inputs and features of a preparation, both empty if an order has the features."""

    names: tuple[str, ...]
    inputs: tuple[Input, ...] = ()
    features: tuple[Feature, ...] = ()


def inputs_of(given: Sequence[GraphInput], names: tuple[str, ...]) -> GraphColumns:
    """The columns of these inputs. Their names are `names` if there are any, else those of inputs of one column each.

    Raises BadGraph and BadManifest.
    """
    unknown = [each for each in given if None in each.dims]
    known = sum(each.dims[0] or 0 if each.dims else 1 for each in given)
    if len(unknown) > 1 or (unknown and known >= len(names)):
        raise BadGraph(f"input {shown(unknown[0].name)}", f"the file has no number of its columns; {_GIVE}")
    widths = [(each.dims[0] or len(names) - known) if each.dims else 1 for each in given]
    total = sum(widths)
    if not 0 < total <= _MOST_COLUMNS:
        raise BadGraph("inputs", f"{total} columns; expected 1 to {_MOST_COLUMNS}")
    if names and len(names) != total:
        raise BadGraph("inputs", f"{len(names)} names for {total} columns; {_GIVE}")
    if not names:
        for each, width in zip(given, widths, strict=True):
            if width > 1:
                raise BadGraph(f"input {shown(each.name)}", f"the file has no names for its {width} columns; {_GIVE}")
            _require_name(each.name)
    chosen = names or tuple(each.name for each in given)
    manifest_inputs.require_unique(chosen, "features", "feature")
    values, numbers = {}, count()
    for each, width in zip(given, widths, strict=True):
        columns = tuple(Column(next(numbers)) for _ in range(width))
        values[each.name] = Columns(columns, each.kind, (width,) if each.dims else ())
    return GraphColumns(chosen, values)


def features_of(columns: Sequence[Column], names: Sequence[str]) -> Prepared:
    """The inputs with these names and the features that are these columns of them. Raises BadGraph."""
    made_of: dict[int, list[Column]] = defaultdict(list)
    for each in columns:
        made_of[each.of].append(each)
    inputs = tuple(_input(names[of], made_of[of]) for of in sorted(made_of))
    named = _names([_wished(each, names[each.of]) for each in columns])
    features = tuple(map(_feature, columns, named, (names[each.of] for each in columns)))
    if features == as_they_are(inputs) and not any(each.optional for each in inputs):
        return Prepared(named)
    return Prepared(named, inputs, features)


def _input(name: str, made: Sequence[Column]) -> Input:
    """The input of this name, of which these features are made. Raises BadGraph."""
    first, location = made[0], f"input {name}"
    if len({each.missing for each in made}) > 1:
        raise BadGraph(location, "one Imputer must fill it for all features that are made of it")
    if not isinstance(first.value, str):
        return Input(name, kind=NUMBER, missing=first.missing)
    if len({(each.values, each.rejects_unknown) for each in made}) > 1:
        raise BadGraph(location, "has several encoders with other categories")
    values = tuple(map(str, first.values))
    return Input(name, kind=CATEGORY, values=values, unknown=REFUSE if first.rejects_unknown else NONE)


def _feature(column: Column, name: str, of: str) -> Feature:
    if column.value is None:
        return Feature(name, of)
    value = column.value if isinstance(column.value, str) else float(column.value)
    return Feature(name, of, "is", (value,))


def _wished(column: Column, of: str) -> str:
    return of if column.value is None else re.sub(r"[^A-Za-z0-9_]", "_", f"{of}_{column.value}", flags=re.ASCII)


def _names(wished: Sequence[str]) -> tuple[str, ...]:
    """These names, cut and with a number behind those that are taken. `order_id` is the name of no feature."""
    taken, numbers = {"order_id"}, dict.fromkeys(wished, 1)
    names = []
    for wish in wished:
        name = wish[:_LONGEST]
        while name in taken:
            numbers[wish] += 1
            name = f"{wish[: _LONGEST - _DIGITS]}_{numbers[wish]}"
        taken.add(name)
        names.append(name)
    return tuple(names)


def _require_name(name: str) -> None:
    try:
        manifest_inputs.name(name, f"input {shown(name)}")
    except BadManifest as error:
        raise BadManifest(error.location, f"{error.reason}; {_GIVE}") from error
