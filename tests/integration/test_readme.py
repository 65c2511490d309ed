"""What the documents promise, carried out with the real service and the real commands."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.facts import ORDER, ROOT, SCORES
from tests.pages import README, blocks, section
from tests.servers import Server, curl, running

API = ROOT / "docs" / "api.md"
MODELS = ROOT / "docs" / "models.md"
EXPLANATIONS = ROOT / "docs" / "explanations.md"
RAW_ORDERS = ROOT / "docs" / "raw-orders.md"
PAGES = (README, API, EXPLANATIONS)
_EXAMPLE = re.compile(r"```sh\n(curl .*?)```\n\n```json\n(.*?)```", re.DOTALL)
EXAMPLES = [(page.name, *found) for page in PAGES for found in _EXAMPLE.findall(page.read_text())]


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


def test_every_curl_line_of_these_pages_is_among_the_examples():
    assert [name for name, _, _ in EXAMPLES] == ["README.md", "api.md", "api.md", "api.md", "explanations.md"]
    assert sum(page.read_text().count("\ncurl ") for page in PAGES) == len(EXAMPLES)


@pytest.mark.parametrize(
    ("line", "answer"), [example[1:] for example in EXAMPLES], ids=[f"{n}-{at}" for at, (n, *_) in enumerate(EXAMPLES)]
)
def test_a_curl_line_gets_the_answer_below_it(server: Server, line: str, answer: str):
    assert curl(line.replace(":8000", f":{server.port}")) == json.loads(answer)


@pytest.mark.parametrize("page", [README, MODELS], ids=["readme", "models"])
def test_a_model_of_the_scikit_learn_snippet_scores_as_scikit_learn_does(page: Path, tmp_path: Path):
    (snippet,) = [block for block in blocks("python", page.read_text()) if "sklearn" in block]
    line = next(line for line in page.read_text().splitlines() if " model import " in line).split(" --card")[0]
    command = [sys.executable, "-m", "service.cli", *shlex.split(line)[1:], "--out", "made.npz"]
    predicted = "\nnp.savez('predicted.npz', x=x, y=network.predict_proba(scaler.transform(x))[:, 1])\n"
    (tmp_path / "train.py").write_text(snippet + predicted)
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    _, imported = (
        subprocess.run(each, cwd=tmp_path, env=env, check=True, timeout=120, capture_output=True, text=True)
        for each in ([sys.executable, "train.py"], command)
    )
    assert "compared with the scores of its training script: 1000 orders" in imported.stdout
    with np.load(tmp_path / "predicted.npz") as found:
        orders = [dict(zip(["distance_km", "backlog"], row, strict=True)) for row in found["x"].tolist()]
        expected = found["y"]
    with running(DELIVERY_RISK_MODEL=str(tmp_path / "made.npz")) as server:
        answer = server.score([{"order_id": str(at), **order} for at, order in enumerate(orders)])
    np.testing.assert_allclose([result["score"] for result in answer["results"]], expected, rtol=1e-12)


def test_raw_orders_of_the_scikit_learn_pipeline_score_as_scikit_learn_does(tmp_path: Path):
    (snippet,) = blocks("python", RAW_ORDERS.read_text())
    line = next(line for line in RAW_ORDERS.read_text().splitlines() if line.startswith(".venv") and " model import " in line)
    (tmp_path / "train.py").write_text(snippet)
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    for command in (["train.py"], ["-m", "service.cli", *shlex.split(line)[1:]]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=env, check=True, timeout=120, capture_output=True)
    assert b"compared with the scores of its training script: 1000 orders" in done.stdout
    with open(tmp_path / "orders.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [float(row.pop("p")) for row in rows]
    texts = ("order_id", "carrier")
    orders = [{name: cell if name in texts else float(cell) for name, cell in row.items() if cell} for row in rows]
    with running(DELIVERY_RISK_MODEL=str(tmp_path / "delay-7.npz")) as server:
        results = server.score(orders)["results"]
    np.testing.assert_allclose([result["score"] for result in results], expected, rtol=0, atol=1e-12)
    assert [result.get("imputed", []) for result in results] == [[name for name in row if not row[name]] for row in rows]


FIT = """
import json

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

rng = np.random.default_rng(0)
n = 600
table = {"backlog": rng.gamma(2, 9, n), "wind_mph": rng.gamma(2, 4, n), "distance_km": rng.gamma(2, 300, n)}
orders = pd.DataFrame(table | {"carrier": rng.choice(["AA", "DL", "UA"], n), "promised_at": "12:00"})
late = orders.backlog / 9 + orders.wind_mph / 4 + (orders.carrier == "UA") + rng.normal(size=n) > 5
orders = orders.mask(rng.random(orders.shape) < [0.2, 0.1, 0, 0.1, 0])
prepare = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), ["backlog", "wind_mph"]),
    (make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), ["distance_km"]),
    (OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
)
pipeline = make_pipeline(prepare, MLPClassifier((8,), max_iter=2000, random_state=0)).fit(orders[:400], late[:400])
joblib.dump(pipeline, "pipeline.joblib")
orders[:400].to_csv("orders.csv", index_label="order_id")
fresh = orders[400:].copy()
fresh.loc[::9, "carrier"] = "ZZ"
rows = fresh.astype(object).where(fresh.notna(), None).to_dict("records")
with open("fresh.json", "w") as file:
    json.dump(rows, file)
np.save("expected.npy", pipeline.predict_proba(fresh)[:, 1])
"""


def test_four_commands_serve_a_fitted_scikit_learn_pipeline(tmp_path: Path):
    (block,) = blocks("sh", section(README, "Bring a model from scikit-learn"))
    *commands, serve = block.splitlines()
    assert len(commands) == 3
    bin = Path(sys.executable).parent
    (tmp_path / ".venv").symlink_to(bin.parent)
    (tmp_path / "fit.py").write_text(FIT)
    env = {"PATH": f"{bin}:{os.environ['PATH']}"}
    printed = [
        subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=env, timeout=120, check=True, capture_output=True, text=True
        ).stdout
        for line in ("python -W ignore fit.py", *commands)
    ]
    assert "compared with the scores of its training script: 100 orders" in printed[-1]
    orders = json.loads((tmp_path / "fresh.json").read_text())
    with running(["sh", "-c", f"exec {serve}"], cwd=tmp_path) as server:
        results = server.score([{"order_id": str(at), **order} for at, order in enumerate(orders)])["results"]
    expected = np.load(tmp_path / "expected.npy")
    np.testing.assert_allclose([result["score"] for result in results], expected, rtol=0, atol=1e-12)
    assert len({len(result.get("imputed", [])) for result in results}) > 1
    assert sum(result.get("unknown") == ["carrier"] for result in results) >= len(orders) // 9


@pytest.mark.long
def test_the_first_command_serves_from_a_fresh_clone(tmp_path):
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    (command, _) = blocks("sh", section(README, "Two commands"))
    with running(
        ["bash", "-c", f"cd {tmp_path}/clone && {command.replace('.venv/bin/delivery-risk', 'exec .venv/bin/delivery-risk')}"],
        seconds=300,
    ) as server:
        (answer,) = server.score([ORDER])["results"]
    assert (answer["score"], answer["queue"]) == (SCORES[0], "monitor")
    assert Path(tmp_path / "clone" / ".venv").is_dir()
