"""The features that the steps of a fitted scikit-learn pipeline make of the inputs of an order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.importers.exporters.files import CannotExport

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid", "identity": "linear"}
IGNORE = 'set handle_unknown = "ignore" on it, which needs no new training'


@dataclass(frozen=True)
class Column:
    """A column between two steps: (a function of input number `of` - mean) / scale; `fill` replaces a gap of the input.

    Of a one-hot column, `known` has the categories and `unknown` says what another one is. `gap` is how a gap is spelt.
    """

    of: int
    function: str = "number"
    value: Any = None
    fill: Any = None
    mean: float = 0.0
    scale: float = 1.0
    known: tuple[Any, ...] = ()
    unknown: str = "refuse"
    gap: Any = np.nan

    def is_input(self) -> bool:
        return (self.function, self.mean, self.scale) == ("number", 0.0, 1.0)

    def is_text(self) -> bool:
        return any(isinstance(value, str) for value in self.known)

    def feature(self, given: Sequence[Any]) -> list[float]:
        """The feature, before the standardization, of these values of the input."""
        filled = [self.fill if is_gap(value) else value for value in given]
        functions: dict[str, Callable[[], list[Any]]] = {
            "number": lambda: filled,
            "log1p": lambda: [np.log1p(value) for value in filled],
            "is": lambda: [value == self.value for value in filled],
            "missing": lambda: [is_gap(value) for value in given],
        }
        return [float(value) for value in functions[self.function]()]


Columns = list[Column]


def is_gap(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)


def require(valid: Any, where: str, step: Any, reason: str) -> None:
    if not valid:
        raise CannotExport(f"{where} ({type(step).__name__}): {reason}")


def standard_scaler(step: Any, columns: Columns, where: str) -> Columns:
    means = step.mean_ if step.with_mean else np.zeros(len(columns))
    scales = step.scale_ if step.with_std else np.ones(len(columns))
    return [
        replace(each, mean=float(each.mean + each.scale * mean), scale=float(each.scale * scale))
        for each, mean, scale in zip(columns, means, scales, strict=True)
    ]


def simple_imputer(step: Any, columns: Columns, where: str) -> Columns:
    require(is_gap(step.missing_values), where, step, "gaps must be NaN or None; replace missing_values before you fit")
    marked = [columns[at] for at in step.indicator_.features_] if step.add_indicator else []
    found = [Column(each.of, "missing", gap=step.missing_values) for each in marked]
    for at, (each, fill) in enumerate(zip(columns, step.statistics_, strict=True)):
        filled = each.fill is not None or each.function in ("is", "missing")
        require(filled or each.function == "number", where, step, "fills gaps of a function; put it before the function")
        require(not (filled and each in marked), where, step, "marks gaps that are filled before; let it be the first step")
        if not filled:
            number = None if isinstance(fill, str) else float(each.mean + each.scale * fill)
            each = replace(each, fill=str(fill) if number is None else number, gap=step.missing_values)
        if filled or not is_gap(fill):  # scikit-learn leaves out a column that is nothing but gaps
            found.insert(at, each)
    return found


def function_transformer(step: Any, columns: Columns, where: str) -> Columns:
    if step.func is None:
        return columns
    known = step.func is np.log1p and not step.kw_args
    require(known, where, step, "computes another function than np.log1p; give the orders its result as an input")
    require(all(map(Column.is_input, columns)), where, step, "takes columns that are no inputs; put it before the scaler")
    return [replace(each, function="log1p") for each in columns]


def one_hot_encoder(step: Any, columns: Columns, where: str) -> Columns:
    require(step.handle_unknown in ("error", "ignore"), where, step, f"counts unknown values as infrequent; {IGNORE}")
    grouped = any(getattr(step, name, None) is not None for name in ("min_frequency", "max_categories"))
    require(not grouped, where, step, "groups infrequent categories; fit it without min_frequency and max_categories")
    drops = [None] * len(columns) if step.drop_idx_ is None else step.drop_idx_
    found = []
    for column, categories, drop in zip(columns, step.categories_, drops, strict=True):
        made = one_hot(step, column, categories.tolist(), where)
        require(len(made) > (drop is not None), where, step, "drops the only category of an input; leave that input out")
        found += [each for at, each in enumerate(made) if at != drop]
    return found


def one_hot(step: Any, column: Column, categories: list[Any], where: str) -> Columns:
    refuses, gaps = step.handle_unknown == "error", [value for value in categories if is_gap(value)]
    known = [value for value in categories if not is_gap(value)]
    kinds = {str if isinstance(value, str) else float if type(value) in (int, float) else None for value in known}
    require(kinds in ({str}, {float}), where, step, "has categories that are neither all texts nor all numbers")
    require(column.is_input(), where, step, "encodes columns that are no inputs; put it before the scaler")
    require(len(gaps) == 0 or column.fill is None, where, step, "has a category for gaps that are filled before")
    require(len(gaps) <= 1, where, step, "has NaN and None as categories; replace one before you fit")
    require(not (refuses and gaps), where, step, f"has gaps as a category, but rejects unknown ones; {IGNORE}")
    require(not refuses or str in kinds, where, step, f"rejects unknown numbers, which the service does not; {IGNORE}")
    fill = column.fill if column.fill in known else None
    if float in kinds and fill is None:
        fill = max(known) + 1.0 if column.fill is None else column.fill  # a gap has none of the categories
    made = replace(column, fill=fill, known=tuple(known), unknown="refuse" if refuses else "none", gap=[*gaps, column.gap][0])
    return [replace(made, **{"function": "missing"} if is_gap(v) else {"function": "is", "value": v}) for v in categories]


def column_transformer(step: Any, columns: Columns, where: str) -> Columns:
    require(not step.transformer_weights, where, step, "weighs its transformers; fit it without transformer_weights")
    indices = step._transformer_to_input_indices
    used = [(name, inner) for name, inner, _ in step.transformers_ if not (isinstance(inner, str) and inner == "drop")]
    parts = [(name, inner, [columns[at] for at in indices[name]]) for name, inner in used]
    return [each for name, inner, chosen in parts if chosen for each in read(inner, chosen, f"{where}.{name}")]


def in_turn(step: Any, columns: Columns, where: str) -> Columns:
    for name, inner in step.steps:
        columns = read(inner, columns, f"{where}.{name}")
    return columns


STEPS: dict[str, Callable[[Any, Columns, str], Columns]] = {
    "ColumnTransformer": column_transformer,
    "FunctionTransformer": function_transformer,
    "OneHotEncoder": one_hot_encoder,
    "Pipeline": in_turn,
    "SimpleImputer": simple_imputer,
    "StandardScaler": standard_scaler,
}


def read(step: Any, columns: Columns, where: str) -> Columns:
    """The columns behind a step of these columns."""
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return columns
    own = not type(step).__module__.startswith("sklearn.")
    reader = None if own else STEPS.get(type(step).__name__)
    if reader is None:
        raise CannotExport(f"{where} ({type(step).__name__}): is none of {', '.join(STEPS)}; compute its result in the orders")
    return reader(step, columns, where)


def network(step: Any) -> tuple[list[Any], str]:
    """The weights (units, inputs) and biases of each layer, and the activation of the hidden ones."""
    kinds = ("LogisticRegression", "MLPClassifier")
    require(type(step).__name__ in kinds, "the last step", step, f"must be a {' or '.join(kinds)}")
    require(len(step.classes_) == 2, "the last step", step, "must have two classes, as the service scores one probability")
    if type(step).__name__ == "LogisticRegression":
        return [(step.coef_, step.intercept_)], "relu"
    return [(w.T, b) for w, b in zip(step.coefs_, step.intercepts_, strict=True)], ACTIVATIONS[step.activation]


def parts(pipeline: Any, width: int) -> tuple[Columns, Any]:
    """The features that the pipeline makes of so many inputs, and its last step."""
    columns = [Column(at) for at in range(width)]
    pipeline = getattr(pipeline, "best_estimator_", pipeline)  # of a search for parameters
    while type(pipeline).__name__ == "Pipeline":
        *before, (_, last) = pipeline.steps
        for name, step in before:
            columns = read(step, columns, name)
        pipeline = last
    return columns, pipeline
