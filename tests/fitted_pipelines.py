"""Pipelines of scikit-learn, drawn at random and fitted, with fresh orders."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid", "identity": "linear"}
_TRAINED, _FRESH = 150, 120


@dataclass
class Fitted:
    """A fitted pipeline, its training orders, and fresh ones: a DataFrame, or an array without names. `activations` has those
    of its hidden layers."""

    pipeline: Any
    trained: Any
    fresh: Any
    names: list[str]
    activations: str


@dataclass
class _Column:
    """The values of an input: those of training, and further ones that a fresh order may have."""

    name: str
    trained: list[Any]
    further: list[Any] = field(default_factory=list)


def drawn(seed: int) -> Fitted:
    """The fitted pipeline of this seed."""
    dice = np.random.default_rng(seed)
    columns: list[_Column] = []
    parts: list[tuple[str, Any, Any]] = []
    for at in range(int(dice.integers(1, 5))):
        column, steps = _number(dice, f"number {at}" if dice.random() < 0.2 else f"number_{at}")
        columns.append(column)
        parts.append((f"n{at}", _line(steps), [column.name]))
    for at in range(int(dice.integers(0, 4))):
        column, steps = _category(dice, f"text_{at}", ["AA", "B:6", "ü", "N/A"][: dice.integers(2, 5)])
        columns.append(column)
        parts.append((f"t{at}", _line(steps), [column.name]))
    if dice.random() < 0.5:
        months = _Column("month", dice.integers(1, 13, _TRAINED).astype(float).tolist(), [13.0, None])
        columns.append(months)
        drop = [None, "first"][dice.integers(2)]
        parts.append(("m", OneHotEncoder(handle_unknown="ignore", drop=drop, sparse_output=False), ["month"]))
    if dice.random() < 0.3:
        columns.append(_Column("left_out", [1.0] * _TRAINED))
        parts.append(("x", "drop", ["left_out"]))
    order = dice.permutation(len(parts))
    names = [each.name for each in columns]
    framed = dice.random() < 0.5
    if not framed:
        parts = [(name, step, [names.index(each) for each in chosen]) for name, step, chosen in parts]
    activation = list(ACTIVATIONS)[dice.integers(4)]
    hidden = tuple(int(units) for units in dice.integers(1, 9, dice.integers(1, 4)))
    scaler = StandardScaler(with_mean=bool(dice.integers(2)), with_std=bool(dice.integers(2)))
    network = MLPClassifier(hidden, activation=activation, max_iter=15, random_state=seed)
    prepare = ColumnTransformer([parts[at] for at in order], sparse_threshold=0)
    pipeline = make_pipeline(prepare, *([scaler] if dice.random() < 0.7 else []), network)
    trained = _table(names, [each.trained for each in columns], framed)
    pipeline.fit(trained, dice.random(_TRAINED) < 0.4)
    fresh = [[_value(dice, [*each.trained, *3 * each.further]) for _ in range(_FRESH)] for each in columns]
    activations = ",".join([ACTIVATIONS[activation]] * len(hidden))
    return Fitted(pipeline, trained, _table(names, fresh, framed), names, activations)


def orders_of(fitted: Fitted, names: list[str]) -> list[dict[str, Any]]:
    """The fresh orders as a client sends them, under the names that the service has for the inputs."""
    rows = np.asarray(fitted.fresh, dtype=object).tolist()
    return [{name: None if each != each else each for name, each in zip(names, row, strict=True)} for row in rows]


def _value(dice: np.random.Generator, values: list[Any]) -> Any:
    return values[dice.integers(len(values))]


def _line(steps: list[Any]) -> Any:
    return Pipeline([(f"s{at}", step) for at, step in enumerate(steps)]) if steps else "passthrough"


def _number(dice: np.random.Generator, name: str) -> tuple[_Column, list[Any]]:
    values = (dice.gamma(2.0, 9.0, _TRAINED) * 10.0 ** dice.integers(-2, 4)).tolist()
    steps: list[Any] = []
    further = [None, 0.0, 1e4]
    if dice.random() < 0.7:
        values = [None if dice.random() < 0.2 else value for value in values]
        strategy = ["mean", "median", "most_frequent", "constant"][dice.integers(4)]
        steps.append(SimpleImputer(strategy=strategy, fill_value=3.5, add_indicator=bool(dice.integers(2))))
    else:
        further = further[1:]
    if dice.random() < 0.3 and not (steps and steps[0].add_indicator):
        steps.append(FunctionTransformer(np.log1p, validate=True))
    if dice.random() < 0.5:
        steps.append(StandardScaler(with_mean=bool(dice.integers(2)), with_std=bool(dice.integers(2))))
    return _Column(name, values, further), steps


def _category(dice: np.random.Generator, name: str, known: list[str]) -> tuple[_Column, list[Any]]:
    values: list[Any] = [_value(dice, known) for _ in range(_TRAINED)]
    steps: list[Any] = []
    unknown = ["error", "ignore"][dice.integers(2)]
    further: list[Any] = []
    if dice.random() < 0.6:
        values = [None if dice.random() < 0.2 else value for value in values]
        further.append(None)
        if unknown == "error" or dice.random() < 0.5:
            strategy = ["most_frequent", "constant"][dice.integers(2)]
            steps.append(SimpleImputer(strategy=strategy, fill_value="none"))
    if unknown == "ignore":
        further += ["never seen", None]
    drop = [None, "if_binary", "first"][dice.integers(3)]
    steps.append(OneHotEncoder(handle_unknown=unknown, drop=drop, sparse_output=False))
    return _Column(name, values, further), steps


def _table(names: list[str], columns: list[list[Any]], framed: bool) -> Any:
    gapped = [[np.nan if value is None else value for value in column] for column in columns]
    if framed:
        return pd.DataFrame(dict(zip(names, gapped, strict=True)))
    kinds = object if any(isinstance(value, str) for column in gapped for value in column) else np.float64
    return np.array(list(zip(*gapped, strict=True)), dtype=kinds)
