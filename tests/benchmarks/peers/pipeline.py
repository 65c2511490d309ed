"""A scikit-learn pipeline for raw orders, fitted to drawn ones: 18 inputs, with as many gaps as real ones, and 35 features."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

ORDERS, PERIOD, WEEKEND = 10_000, 12, [5, 6]
GAPS = {  # the share of the orders that lack the input
    "recent_delay_min": 0.095,
    "wind_speed_mph": 0.103,
    "rain_in": 0.949,
    "carrier_recent_delay_min": 0.094,
    "destination_recent_delay_min": 0.0075,
    "visibility_mi": 0.0003,
}
INDICATED, FILLED = [*GAPS][:3], [*GAPS][3:]
COUNTS = ["recent_departures", "waiting_departures", "cancelled_last_6h", "scheduled_within_30min", "recent_arrivals"]
GIVEN = [*COUNTS, "distance_mi", "departure_minute", "year"]
CATEGORIES = {"depot": 3, "carrier": 12}
NAMES = [*GAPS, *GIVEN, "month", "weekday", *CATEGORIES]


def drawn() -> pandas.DataFrame:
    """Orders, always the same."""
    draw, columns = np.random.default_rng(0), {}
    for name, share in GAPS.items():
        columns[name] = np.where(draw.random(ORDERS) < share, np.nan, draw.gamma(2.0, 9.0, ORDERS).round(2))
    for name in COUNTS:
        columns[name] = draw.integers(0, 60, ORDERS)
    columns["distance_mi"] = draw.integers(90, 5000, ORDERS)
    columns["departure_minute"] = draw.integers(300, 1440, ORDERS)
    columns["year"] = np.full(ORDERS, 2017)
    columns["month"], columns["weekday"] = draw.integers(1, 13, ORDERS), draw.integers(0, 7, ORDERS)
    for name, count in CATEGORIES.items():
        columns[name] = draw.choice([f"{name[0].upper()}{number}" for number in range(count)], ORDERS)
    return pandas.DataFrame(columns)


def _sine(month):
    return np.sin(2.0 * np.pi * month / PERIOD)


def _cosine(month):
    return np.cos(2.0 * np.pi * month / PERIOD)


def _weekend(weekday):
    return np.isin(weekday, WEEKEND).astype(float)


def fitted(orders: pandas.DataFrame):
    prepare = ColumnTransformer(
        [
            ("indicated", SimpleImputer(strategy="median", add_indicator=True), INDICATED),
            ("filled", SimpleImputer(strategy="median"), FILLED),
            ("given", "passthrough", GIVEN),
            ("sine", FunctionTransformer(_sine), ["month"]),
            ("cosine", FunctionTransformer(_cosine), ["month"]),
            ("weekend", FunctionTransformer(_weekend), ["weekday"]),
            ("one_hot", OneHotEncoder(sparse_output=False), [*CATEGORIES]),
        ]
    )
    late = orders["recent_delay_min"].fillna(9.0) + orders["waiting_departures"] + 30 * (orders["carrier"] == "C3")
    late += np.random.default_rng(1).normal(0.0, 20.0, ORDERS)
    network = MLPClassifier((16,), max_iter=30, random_state=0)
    return make_pipeline(prepare, StandardScaler(), network).fit(orders, late > 60.0)


def preparation(pipeline) -> dict[str, list[Any]]:
    """The preparation that makes the same features."""
    steps = pipeline[0].named_transformers_
    inputs = [{"name": name, "kind": "number"} for name in NAMES if name not in CATEGORIES]
    for each, fill in zip(inputs, [*steps["indicated"].statistics_, *steps["filled"].statistics_], strict=False):
        each["missing"] = fill
    values = dict(zip(CATEGORIES, (each.tolist() for each in steps["one_hot"].categories_), strict=True))
    inputs += [{"name": name, "kind": "category", "values": values[name]} for name in CATEGORIES]
    features: list[dict[str, Any]] = [{"name": name, "of": name} for name in INDICATED]
    features += [{"name": f"{name}_missing", "of": name, "is": None} for name in INDICATED]
    features += [{"name": name, "of": name} for name in (*FILLED, *GIVEN)]
    features += [{"name": f"month_{each}", "of": "month", "function": each, "period": PERIOD} for each in ("sin", "cos")]
    features += [{"name": "weekend", "of": "weekday", "is": WEEKEND}]
    features += [{"name": f"{name}_{each}", "of": name, "is": each} for name in CATEGORIES for each in values[name]]
    return {"inputs": inputs, "features": features}


def write(folder: Path) -> None:
    """Write pipeline.joblib; trained.npz and preparation.json for an import; and orders.json.

    That has by name the `raw` orders, their features (`prepared`) and the pipeline's `scores`.
    """
    orders = drawn()
    pipeline = fitted(orders)
    prepared = preparation(pipeline)
    _, scaler, network = (step for _, step in pipeline.steps)
    names = [each["name"] for each in prepared["features"]]
    layers = enumerate(zip(network.coefs_, network.intercepts_, strict=True), 1)
    arrays = {f"{letter}{n}": array for n, (w, b) in layers for letter, array in (("w", w.T), ("b", b))}
    np.savez(folder / "trained.npz", feature_names=names, mean=scaler.mean_, scale=scaler.scale_, **arrays)
    joblib.dump(pipeline, folder / "pipeline.joblib")
    (folder / "preparation.json").write_text(json.dumps(prepared))
    features = pandas.DataFrame(pipeline[:1].transform(orders), columns=names)
    known = {
        "raw": orders.astype(object).where(orders.notna(), None).to_dict("records"),
        "prepared": features.to_dict("records"),
        "scores": pipeline.predict_proba(orders)[:, 1].tolist(),
    }
    (folder / "orders.json").write_text(json.dumps(known))
