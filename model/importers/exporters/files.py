"""The files that an exporter reads and writes: orders in CSV, and what `delivery-risk model import` takes."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

RESERVED = {"order_id", "score", "queue", "rank", "out_of_range", "refused_line", "refused_reason", "expected_score"}
MOST_ORDERS = 100


class CannotExport(Exception):
    """Names what the service cannot compute or read, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Run the program, which ends with what cannot be exported."""
    try:
        main()
    except CannotExport as error:
        raise SystemExit(f"Error: {error}") from None


def plain(text: str, taken: set[str]) -> str:
    """A name like this text that the service takes and that is not taken; it is taken then."""
    letters = re.sub(r"\W", "_", text, flags=re.ASCII)[:56] or "_"
    name = start = f"_{letters}" if letters[0].isdigit() else letters
    times = 1
    while name in taken:
        times += 1
        name = f"{start}_{times}"
    taken.add(name)
    return name


def names_of(columns: Iterable[str]) -> list[str]:
    """The names that the service has for the inputs of these columns."""
    taken, names = set(RESERVED), []
    for column in columns:
        names.append(plain(str(column), taken))
        if names[-1] != column:
            print(f"the input {names[-1]} is the column {column!r}")
    return names


def read_csv(path: str, columns: Sequence[str] | None) -> tuple[list[str], list[list[str]]]:
    """These columns of a CSV file, or all but order_id: their names, and the cells of each row."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        names = list(columns) if columns is not None else [name for name in header if name != "order_id"]
        if not names:
            raise CannotExport(f"{path}: has no header; expected CSV with the names of its columns in the first line")
        if missing := [name for name in names if name not in header]:
            raise CannotExport(f"{path}: has no column {missing[0]!r}")
        places = [header.index(name) for name in names]
        return names, [_cells(line, places, header, row) for row, line in enumerate(filter(None, lines), 1)]


def _cells(line: list[str], places: list[int], header: list[str], row: int) -> list[str]:
    if len(line) != len(header):
        raise CannotExport(f"order {row}: has {len(line)} cells, expected {len(header)}")
    return [line[at] for at in places]


def number(cell: str, row: int, name: str) -> float:
    """The number in a cell, NaN if it is empty."""
    try:
        return float(cell or "nan")
    except ValueError:
        raise CannotExport(f"column {name!r}, order {row + 1}: is no number") from None


def sample(count: int) -> list[int]:
    """The places of at most MOST_ORDERS of so many orders, spread evenly."""
    if not count:
        raise CannotExport("there are no orders; give some, so that the import can compare their scores")
    return sorted(set(np.linspace(0, count - 1, MOST_ORDERS).astype(int).tolist()))


def save(
    out: str,
    preparation: dict[str, Any],
    standardization: tuple[Any, Any],
    layers: Sequence[tuple[Any, Any]],
    activations: Sequence[str],
    check_x: Any,
    scores: Any,
    orders: Sequence[Sequence[Any]],
    places: Sequence[int],
    tolerance: float = 1e-6,
) -> None:
    """Write trained.npz, preparation.json and orders.csv into the folder, and print the command that imports them.

    `layers` has weights (units, inputs) and biases (units,). `check_x` (n, F) has the features of the `orders` at these
    `places`, which have a value for each input, and `scores` (n,) theirs.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    names = [each["name"] for each in preparation["inputs"]]
    mean, scale = standardization
    arrays = {"feature_names": [each["name"] for each in preparation["features"]], "mean": mean, "scale": scale}
    for at, (weights, bias) in enumerate(layers, 1):
        arrays |= {f"w{at}": weights, f"b{at}": bias}
    np.savez(folder / "trained.npz", **arrays, check_x=check_x, check_scores=scores)
    text = json.dumps(preparation, ensure_ascii=False, allow_nan=False, indent=1)
    (folder / "preparation.json").write_text(text, encoding="utf-8")
    with open(folder / "orders.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["order_id", *names, "expected_score"])
        rows.writerows([at + 1, *order, float(score)] for at, order, score in zip(places, orders, scores, strict=True))
    print(
        f"delivery-risk model import {folder / 'trained.npz'} --preparation {folder / 'preparation.json'}",
        f"--check {folder / 'orders.csv'} --expect expected_score --tolerance {tolerance:g}",
        f"--activations {','.join(activations) or 'relu'}",
        "--name NAME --version 1 --threshold 0.5 --out FILE",
    )
