"""A scikit-learn pipeline of real orders with gaps and categories, exported, imported and scored. See `real_data`."""

import csv
import gzip
import json
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from tests.exporter_scripts import printed
from tests.servers import SERVE

COMMAND = SERVE[0]
ROWS = 20_000


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_all_real_orders_get_the_scores_of_a_pipeline_that_is_fitted_on_their_first(real_data, tmp_path):
    with gzip.open(real_data / "nyc17_raw" / "orders_test.csv.gz", "rt", newline="") as opened:
        rows = [row for row, _ in zip(csv.DictReader(opened), range(ROWS), strict=False)]
    inputs = json.loads((real_data / "nyc17_raw" / "preparation.json").read_text())["inputs"]
    numbers = [each["name"] for each in inputs if each["kind"] == "number"]
    texts = [each["name"] for each in inputs if each["kind"] == "category"]
    gaps = [name for name in numbers if any(not row[name] for row in rows)]
    full = [name for name in numbers if name not in gaps]
    assert len(gaps) >= 5
    frame = pd.DataFrame({name: [float(row[name] or "nan") for row in rows] for name in numbers})
    frame = frame.join(pd.DataFrame({name: [row[name] for row in rows] for name in texts}))
    positive = [name for name in full if frame[name].min() >= 0]
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), gaps),
        (make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), positive),
        (StandardScaler(), [name for name in full if name not in positive]),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    )
    trained = frame[: ROWS // 2]
    late = [row["late"] in ("1", "True", "true") for row in rows[: len(trained)]]
    pipeline = make_pipeline(prepare, MLPClassifier((16,), max_iter=5, random_state=0)).fit(trained, late)
    assert 0 < sum(late) < len(late)

    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    trained.to_csv(tmp_path / "training.csv", index=False)
    printed("sklearn", tmp_path)
    script = [sys.executable, "export_sklearn.py", "pipeline.joblib", "training.csv", "--out", "exported"]
    options = ["--check", "exported/orders.csv", "--expect", "expected_score", "--tolerance", "1e-12"]
    named = ["--name", "real", "--version", "1", "--threshold", "0.3", "--out", "real.npz"]
    given = ["exported/trained.npz", "--preparation", "exported/preparation.json"]
    for command in (script, [COMMAND, "model", "import", *given, *options, *named]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    frame.to_csv(tmp_path / "orders.csv", index_label="order_id")
    score = [COMMAND, "score", "orders.csv", "--model", "real.npz", "--out", "scored.csv"]
    subprocess.run(score, cwd=tmp_path, check=True, capture_output=True)
    with open(tmp_path / "scored.csv", newline="") as opened:
        scores = [float(row["score"]) for row in csv.DictReader(opened)]
    np.testing.assert_allclose(scores, pipeline.predict_proba(frame)[:, 1], rtol=0, atol=1e-12)
