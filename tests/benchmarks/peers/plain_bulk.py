"""A plain loop over Parquet files with pyarrow and NumPy: `python -m tests.benchmarks.peers.plain_bulk MODEL IN OUT`.

It validates nothing, and a crash leaves what it has written so far. MODEL is a model file, read as the arrays that it has.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def model_of(file):
    """The manifest and the arrays of a model file."""
    arrays = dict(np.load(file))
    return json.loads(arrays.pop("manifest").tobytes()), arrays


def matrix(table, names):
    return np.array([table[name].to_numpy() for name in names], np.float64).T


def scores(x, arrays):
    """Scores (n,) of features (n, F): relu in the hidden layers, and a sigmoid that does not overflow."""
    x = (x - arrays["mean"]) / arrays["scale"]
    for number in range(1, last := (len(arrays) - 2) // 2):
        x = np.maximum(x @ arrays[f"w{number}"].T + arrays[f"b{number}"], 0.0)
    z = (x @ arrays[f"w{last}"].T + arrays[f"b{last}"])[:, 0]
    e = np.exp(-np.abs(z))
    return np.where(z >= 0.0, 1.0, e) / (1.0 + e)


def outside(x, inputs):
    """(n, I): where a number of x (n, I) is outside the range of its input."""
    low, high = ([each.get(end, missing) for each in inputs] for end, missing in (("minimum", -np.inf), ("maximum", np.inf)))
    return (x < low) | (x > high)


def named(flags, names):
    """A list of names for each row of flags (n, I)."""
    offsets = np.zeros(len(flags) + 1, np.int32)
    np.cumsum(flags.sum(axis=1), out=offsets[1:])
    return pa.ListArray.from_arrays(offsets, pa.array(names, pa.string()).take(pa.array(np.nonzero(flags)[1])))


def queues(found, flags, manifest):
    review = (found >= manifest["threshold"]) | flags.any(axis=1)
    return pa.DictionaryArray.from_arrays(review.astype(np.int8), ["monitor", "review"])


def scored(table, manifest, arrays):
    """The table with the columns of the results."""
    names = [each["name"] for each in manifest["features"]]
    x = matrix(table, names)
    found, flags = scores(x, arrays), outside(x, manifest["features"])
    results = {"score": found, "queue": queues(found, flags, manifest), "out_of_range": named(flags, names)}
    for name, column in results.items():
        table = table.append_column(name, pa.array(column))
    return table


def main(scored, model, source, target):
    pa.set_cpu_count(1)
    manifest, arrays = model_of(model)
    for path in sorted(Path(source).glob("*.parquet")):
        file, writer = pq.ParquetFile(path), None
        for number in range(file.num_row_groups):
            table = scored(file.read_row_group(number, use_threads=False), manifest, arrays)
            writer = writer or pq.ParquetWriter(Path(target, path.name), table.schema)
            writer.write_table(table)
        writer.close()


if __name__ == "__main__":
    main(scored, *sys.argv[1:])
