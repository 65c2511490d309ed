"""The packaged model is for trying the service. What uses it, or a version made of it, prints a warning."""

from pathlib import Path

import pytest

from model.artifact import model_file
from service.config import DEFAULT_MODEL
from tests.models import one_input
from tests.order_files import ONE

WARNING = "the model is illustrative: its weights were set by hand, not learned from deliveries"


@pytest.fixture
def models(run):
    """Files of the packaged model, of a version made of it, and of another model with the same features."""
    Path("orders.csv").write_text(ONE)
    run("model", "card", DEFAULT_MODEL, "--on", "orders.csv", "--version", "2", "--out", "derived.npz")
    model_file.write(one_input(), "other.npz")
    return {"packaged": DEFAULT_MODEL, "derived": "derived.npz", "other": "other.npz"}


@pytest.mark.parametrize(("kind", "orders"), [("packaged", ONE), ("derived", ONE), ("other", "order_id,f0\na,1\n")])
def test_score_and_doctor_warn_of_an_illustrative_model(run, models, monkeypatch, kind, orders):
    warned = kind != "other"
    done = run("score", "--model", models[kind], given=orders)
    hint = f"Warning: {WARNING}; give --model, or set DELIVERY_RISK_MODEL"
    assert (done.exit_code, done.stderr.splitlines()[:-1]) == (0, [hint] * warned)
    monkeypatch.setenv("DELIVERY_RISK_MODEL", models[kind])
    (line,) = [line for line in run("doctor").stdout.splitlines() if line.split()[1] == "model"]
    assert line.startswith("warn " if warned else "ok ")
    assert line.endswith(f"): {WARNING}; set DELIVERY_RISK_MODEL to a model of your own, or promote one") == warned
