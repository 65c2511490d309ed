"""The plain loop over Parquet files of raw orders: `python -m tests.benchmarks.peers.plain_bulk_raw MODEL IN OUT`.

It takes models that need a known category.
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tests.benchmarks.peers.plain_bulk import main, named, outside, queues, scores


def numbers(column):
    return column.to_numpy(zero_copy_only=False)


def filled(column, of):
    """The column without gaps, where the input has a value for them."""
    return column if of.get("missing") is None else pc.fill_null(column, pa.scalar(of["missing"], column.type))


def feature(each, column, of):
    """One feature (n,) of a column of its input."""
    if "is" in each and each["is"] is None:
        return numbers(pc.is_null(column))
    x = filled(column, of)
    if "is" in each:
        wanted = each["is"] if isinstance(each["is"], list) else [each["is"]]
        return numbers(pc.is_in(x, pa.array(wanted).cast(column.type)))
    x = numbers(x)
    turn = 2.0 * np.pi * x / each.get("period", 1.0)
    functions = {"log1p": lambda: np.log1p(x), "sin": lambda: np.sin(turn), "cos": lambda: np.cos(turn)}
    return functions[each["function"]]() if "function" in each else x


def scored(table, manifest, arrays):
    """The table with the columns of the results."""
    inputs = {each["name"]: each for each in manifest["inputs"]}
    columns = {name: table[name].combine_chunks() for name in inputs}
    x = np.empty((len(table), len(manifest["features"])))
    for at, each in enumerate(manifest["features"]):
        x[:, at] = feature(each, columns[each["of"]], inputs[each["of"]])
    ranged = [name for name, each in inputs.items() if each["kind"] == "number"]
    optional = [name for name, each in inputs.items() if "missing" in each]
    given = np.column_stack([numbers(columns[name]) for name in ranged])
    found, flags = scores(x, arrays), outside(given, [inputs[name] for name in ranged])
    gaps = np.column_stack([numbers(pc.is_null(columns[name])) for name in optional])
    results = {"score": found, "queue": queues(found, flags, manifest), "out_of_range": named(flags, ranged)}
    for name, column in (results | {"imputed": named(gaps, optional)}).items():
        table = table.append_column(name, pa.array(column))
    return table


if __name__ == "__main__":
    main(scored, *sys.argv[1:])
