"""A chain of layers, read one after the other into dense layers, and the orders that it scores."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.importers.exporters.files import CannotExport, names_of, number, read_csv, sample, save


class Chain:
    """Dense layers with `weights` (units, inputs), `biases` (units,) and `activations`, behind `mean` and `scale` (F,).

    What comes before a dense layer and is a factor and a shift of each of its inputs is folded into it, or, where the layer
    has no activation yet, into the one before.
    """

    def __init__(self, mean: Any, scale: Any) -> None:
        self.mean, self.scale = np.asarray(mean, np.float64), np.asarray(scale, np.float64)
        self.weights: list[Any] = []
        self.biases: list[Any] = []
        self.activations: list[str | None] = []
        self._factor, self._shift = np.ones_like(self.mean), np.zeros_like(self.mean)
        self._affine = ""

    def standardize(self, mean: Any, scale: Any, where: str) -> None:
        """(x - mean) / scale; at the beginning it is part of the standardization."""
        mean, scale = (np.asarray(each, np.float64).ravel() for each in (mean, scale))
        if self.weights or self._affine:
            self.affine(1.0 / scale, -mean / scale, where)
        else:
            self.mean, self.scale = self.mean + self.scale * mean, self.scale * scale

    def affine(self, factor: Any, shift: Any, where: str) -> None:
        """factor * x + shift."""
        factor, shift = (np.asarray(each, np.float64).ravel() for each in (factor, shift))
        if self.weights and self.activations[-1] is None:
            self.weights[-1] = self.weights[-1] * factor[:, np.newaxis]
            self.biases[-1] = self.biases[-1] * factor + shift
        else:
            self._factor, self._shift, self._affine = self._factor * factor, self._shift * factor + shift, where

    def dense(self, weights: Any, bias: Any) -> None:
        """x @ weights.T + bias, with weights (units, inputs)."""
        weights, bias = np.asarray(weights, np.float64), np.asarray(bias, np.float64)
        self.biases.append(bias + weights @ self._shift)
        self.weights.append(weights * self._factor)
        self.activations.append(None)
        self._factor, self._shift, self._affine = np.ones(len(bias)), np.zeros(len(bias)), ""

    def activation(self, name: str, where: str) -> None:
        """An activation by its name in the service."""
        if self._affine:
            raise CannotExport(f"{self._affine}: has an activation before and behind it; no dense layer can contain it")
        if not self.weights or self.activations[-1] is not None:
            raise CannotExport(f"{where}: an activation must follow a dense layer; put one between them")
        self.activations[-1] = name

    def end(self) -> "Chain":
        """The chain with one output, whose sigmoid is the score. Two outputs become their difference. Raises CannotExport."""
        outputs = len(self.biases[-1]) if self.biases else 0
        if self._affine or outputs not in (1, 2):
            where = self._affine or f"a network of {outputs} outputs"
            raise CannotExport(f"{where}: expected a dense layer of one output, or of two for two classes, at the end")
        last = self.activations[-1]
        if last not in (None, "linear", "softmax" if outputs == 2 else "sigmoid"):
            raise CannotExport(
                f"the last layer: {last} of {outputs} outputs is no probability; train it with a sigmoid or softmax"
            )
        if outputs == 2:
            self.weights[-1] = self.weights[-1][1:] - self.weights[-1][:1]
            self.biases[-1] = self.biases[-1][1:] - self.biases[-1][:1]
        return self


def leaky_relu(slope: float, where: str) -> str:
    """The name of leaky_relu with this slope in the service."""
    text = np.format_float_positional(float(slope), trim="-")
    if not 0.0 <= slope <= 1.0 or len(text) > 22:
        raise CannotExport(f"{where}: the slope must be from 0 to 1, with at most 20 decimals")
    return f"leaky_relu:{text}"


def options_of(description: str, network: str) -> argparse.ArgumentParser:
    """The options of a script that exports the network in a file: the network, orders, --columns, --scaler and --out."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("network", help=network)
    options.add_argument("orders", help="CSV with the training orders")
    options.add_argument("--columns", help="the features in order: NAME,NAME,… [all columns but order_id]")
    options.add_argument("--scaler", help=".npz or .json with mean and scale [the network takes the features as they are]")
    options.add_argument("--out", required=True, help="the folder to write")
    return options


def read_scaler(path: str | None, features: int) -> tuple[Any, Any]:
    """The mean and scale in a .json or .npz file; without one, the network takes the features as they are."""
    if path is None:
        return np.zeros(features), np.ones(features)
    if Path(path).suffix == ".json":
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        return found["mean"], found["scale"]
    with np.load(path) as arrays:
        return arrays["mean"], arrays["scale"]


def read_orders(path: str, columns: str | None) -> tuple[list[str], Any]:
    """The names and the numbers (n, F) of the orders in a CSV file."""
    names, rows = read_csv(path, columns.split(",") if columns else None)
    table = [[number(cell, row, name) for cell, name in zip(cells, names, strict=True)] for row, cells in enumerate(rows)]
    return names, np.array(table, np.float64).reshape(-1, len(names))


def save_chain(
    chain: Chain, names: Sequence[str], orders: Any, score: Callable[[Any], Any], out: str, tolerance: float = 1e-6
) -> None:
    """Write the files of this chain and these orders (n, F), numbers without gaps, which `score` gives outputs (n, outputs).

    The service may differ by `tolerance` from these.
    """
    orders = np.asarray(orders, np.float64)
    if orders.ndim != 2 or orders.shape[1] != len(names) or len(names) != chain.weights[0].shape[1]:
        inputs = chain.weights[0].shape[1]
        raise CannotExport(f"{len(names)} columns for {inputs} features; name those of the network, in its order")
    if not np.isfinite(orders).all():
        row, column = np.argwhere(~np.isfinite(orders))[0]
        raise CannotExport(f"column {names[column]!r}, order {row + 1}: is no finite number; fill gaps as in training")
    if not (chain.scale > 0).all():
        raise CannotExport(
            f"column {names[int((chain.scale > 0).argmin())]!r}: its scale must be positive; use 1 for a constant"
        )
    rows = sample(len(orders))
    outputs = np.asarray(score(orders[rows]), np.float64).reshape(len(rows), -1)
    columns = names_of(names)
    ends = zip(columns, orders.min(axis=0).tolist(), orders.max(axis=0).tolist(), strict=True)
    save(
        out,
        {
            "inputs": [{"name": name, "kind": "number", "minimum": low, "maximum": high} for name, low, high in ends],
            "features": [{"name": name, "of": name} for name in columns],
        },
        standardization=(chain.mean, chain.scale),
        layers=list(zip(chain.weights, chain.biases, strict=True)),
        activations=[each or "linear" for each in chain.activations[:-1]],
        check_x=orders[rows],
        scores=outputs[:, -1],
        orders=orders[rows].tolist(),
        places=rows,
        tolerance=tolerance,
    )
