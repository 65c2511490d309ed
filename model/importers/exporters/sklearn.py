"""Exports a fitted scikit-learn pipeline for `delivery-risk model import`. Run it in the environment that fitted the pipeline:

    python export.py pipeline.joblib orders.csv --out exported

orders.csv has the training orders, for the ranges of the inputs. Several files are the steps of one pipeline, such as
scaler.joblib network.joblib. In Python, call export(pipeline, orders, "exported") with a DataFrame or an array. It writes

    trained.npz        the network, its standardization, and 100 orders as features with their scores
    preparation.json   the inputs of an order, and how the features are made of them
    orders.csv         the same 100 orders, with the scores of scikit-learn in the column expected_score

It needs NumPy, and pandas for a pipeline of named columns. It writes nothing where the service cannot compute the same.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from model.importers.exporters.files import CannotExport, names_of, number, plain, read_csv, run, sample, save
from model.importers.exporters.sklearn_steps import Column, Columns, is_gap, network, parts


def inputs(names: list[str], columns: Columns, table: Any) -> list[dict[str, Any]]:
    """The entries of the inputs of these names that a column is made of, with the ranges of the orders in the table."""
    found = []
    for at in sorted({each.of for each in columns}):
        made = [each for each in columns if each.of == at and each.function != "missing"]
        kinds = {(each.is_text(), each.is_text() and (each.known, each.unknown)) for each in made}
        fills = {each.fill for each in made} or {0.0}
        if len(kinds) > 1 or len(fills) > 1:
            raise CannotExport(f"input {names[at]}: is filled or encoded in two ways; prepare it once, or give it two names")
        entry: dict[str, Any] = {"name": names[at], "kind": "number"}
        if made and made[0].is_text():
            entry |= {"kind": "category", "values": made[0].known, "unknown": made[0].unknown}
        elif numbers := [float(value) for value in table[:, at] if not is_gap(value)]:
            entry |= {"minimum": min(numbers), "maximum": max(numbers)}
        found.append(entry | ({} if None in fills else {"missing": fills.pop()}))
    return found


def export(pipeline: Any, orders: Any, out: str, names: Sequence[str] = ()) -> None:
    """Write the files of this fitted pipeline and these orders, a DataFrame or an array, into the folder `out`.

    `names` are those of the columns of an array. Raises CannotExport.
    """
    fitted = getattr(pipeline, "feature_names_in_", None)
    if fitted is not None:
        orders, names = orders[list(fitted)] if hasattr(orders, "columns") else orders, list(fitted)
    table = np.asarray(orders, dtype=object)
    columns, last = parts(pipeline, table.shape[1])
    layers, activation = network(last)
    inputs_named = names_of(names or [f"x{at}" for at in range(table.shape[1])])
    entries = inputs(inputs_named, columns, table)
    taken: set[str] = set()
    features = [feature_entry(each, inputs_named[each.of], taken) for each in columns]
    used = sorted({each.of for each in columns})
    unused = [name for at, name in enumerate(inputs_named) if at not in used]
    rows = sample(len(table))
    save(
        out,
        {"inputs": entries, "features": features} | ({"also_accepts": unused[:100]} if unused else {}),
        standardization=([each.mean for each in columns], [each.scale for each in columns]),
        layers=layers,
        activations=[activation] * (len(layers) - 1),
        check_x=np.transpose([each.feature(table[rows, each.of].tolist()) for each in columns]),
        scores=pipeline.predict_proba(orders.iloc[rows] if hasattr(orders, "iloc") else orders[rows])[:, 1],
        orders=[[cell(value) for value in table[row, used]] for row in rows],
        places=rows,
    )
    print(f"the scores are the probabilities of the class {last.classes_[1]}")


def cell(value: Any) -> Any:
    """A value as a cell of CSV, where the service has no truths."""
    return "" if is_gap(value) else int(value) if isinstance(value, bool) else value


def feature_entry(column: Column, of: str, taken: set[str]) -> dict[str, Any]:
    """The entry of the feature that is this column of the input of this name."""
    if column.function == "number":
        return {"name": plain(of, taken), "of": of}
    if column.function == "log1p":
        return {"name": plain(f"{of}_log", taken), "of": of, "function": "log1p"}
    if column.function == "missing":
        return {"name": plain(f"{of}_missing", taken), "of": of, "is": None}
    text = column.value if isinstance(column.value, str) else f"{column.value:g}"
    return {"name": plain(f"{of}_{text}", taken), "of": of, "is": column.value}


def table_of(rows: list[list[str]], columns: Columns, names: list[str]) -> Any:
    """The cells of a CSV file as the pipeline takes them: (n, I), numbers or objects; an empty cell is a gap."""
    gaps = {each.of: each.gap for each in columns}
    texts = {each.of for each in columns if each.is_text()} | (set(range(len(names))) - gaps.keys())
    table = np.array(rows, dtype=object).reshape(-1, len(names))
    for at, name in enumerate(names):
        if at in texts:
            table[:, at] = [cell or gaps.get(at) for cell in table[:, at]]
        else:
            table[:, at] = [number(cell, row, name) for row, cell in enumerate(table[:, at])]
    return table if texts else table.astype(np.float64)


def main() -> None:
    options = argparse.ArgumentParser(description="Export a fitted scikit-learn pipeline for `delivery-risk model import`.")
    options.add_argument("pipeline", nargs="+", help="the pipeline, or its steps in order, saved by joblib or pickle")
    options.add_argument("orders", help="CSV with the training orders")
    options.add_argument("--columns", help="the columns of a pipeline without names: NAME,NAME,… [all but order_id]")
    options.add_argument("--out", required=True, help="the folder to write")
    given = options.parse_args()

    import joblib
    from sklearn.pipeline import make_pipeline

    steps = [joblib.load(path) for path in given.pipeline]
    pipeline = steps[0] if len(steps) == 1 else make_pipeline(*steps)
    fitted = getattr(pipeline, "feature_names_in_", None)
    names, rows = read_csv(given.orders, given.columns.split(",") if given.columns else fitted)
    columns, _ = parts(pipeline, len(names))
    table = table_of(rows, columns, names)
    if fitted is not None:
        import pandas

        table = pandas.DataFrame(table, columns=names).infer_objects()
    export(pipeline, table, given.out, names)


if __name__ == "__main__":
    run(main)
