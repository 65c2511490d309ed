"""The scripts that `delivery-risk model exporter` prints, as modules, and models imported from what they write."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from click.testing import CliRunner

from model.artifact import model_file
from model.core.risk_model import RiskModel
from service.cli import main
from tests.apps import app_of


def printed(framework: str, folder: Path) -> ModuleType:
    """The printed script, saved in this folder and imported."""
    done = CliRunner().invoke(main, ["model", "exporter", framework])
    assert done.exit_code == 0
    path = folder / f"export_{framework}.py"
    path.write_text(done.stdout)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def imported(folder: Path, tolerance: str, *options: str) -> RiskModel:
    """The model in the files that a script wrote into this folder, compared with the scores beside them."""
    made = folder / "made.npz"
    done = CliRunner().invoke(
        main,
        [
            *("model", "import", str(folder / "trained.npz"), "--preparation", str(folder / "preparation.json")),
            *("--check", str(folder / "orders.csv"), "--expect", "expected_score", "--tolerance", tolerance),
            *("--name", "exported", "--version", "1", "--threshold", "0.5", "--out", str(made), *options),
        ],
    )
    assert done.exit_code == 0, done.stderr
    return model_file.read(made)


def served(folder: Path, orders: list[dict[str, Any]]) -> list[float]:
    """The scores of these orders over HTTP, by the model that was imported in this folder."""
    client = app_of(MODEL=str(folder / "made.npz")).test_client()
    body = {"orders": [{"order_id": str(at), **order} for at, order in enumerate(orders)]}
    answer = client.post("/score", data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.text[:500]
    return [each["score"] for each in answer.json["results"]]
