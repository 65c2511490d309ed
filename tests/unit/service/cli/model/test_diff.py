import json
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Feature
from model.core.network import Network
from tests.models import layer, model_of, one_input
from tests.registries import holding, version_of


def order(name, value):
    return json.dumps({"order_id": name, "f0": value}) + "\n"


@pytest.fixture
def diff(run, tmp_path):
    """Compare version 8 with another model, by default one whose scores rise where those of version 8 fall."""
    holding(tmp_path / "models", "78", "78")
    Path("8.npz").write_bytes(version_of("8"))
    Path("turned.npz").write_bytes(version_of("11", weight=-1.0))
    Path("orders.jsonl").write_text(order("a", 1) + order("b", -1) + order("\x1b[2J\n", 3) + order("d", "1"))
    return lambda first="8.npz", second="turned.npz": run("model", "diff", first, second, "--on", "orders.jsonl")


def test_it_reports_changed_queues_and_the_largest_difference_and_no_order_id_moves_the_cursor(diff):
    done = diff()
    assert (done.exit_code, done.stderr) == (0, "")
    first, second, counts, queue, score = done.stdout.splitlines()
    assert first.startswith("from        made 8 (sha256 ")
    assert second.startswith("to          made 11 (sha256 ")
    assert counts == "on orders.jsonl: 3 orders, 1 rows rejected"
    assert queue == "queue       3 orders change it: 1 from monitor to review, 2 from review to monitor"
    assert score.startswith("score       largest difference 0.")
    assert score.endswith(r", order '\x1b[2J\n'")


def test_a_registry_means_its_current_version(diff):
    assert diff(first="models").stdout == diff().stdout


def test_it_follows_the_policy_of_the_service(diff, monkeypatch):
    model_file.write(one_input(features=[Feature("f0", maximum=0.0)]), "narrow.npz")
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "refuse")
    assert "1 orders, 1 rows rejected, 2 scored by one model alone" in diff(second="narrow.npz").stdout
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "anything")
    assert diff(second="narrow.npz").exit_code == 2


def test_models_of_other_features_are_rejected_by_the_names(diff):
    model_file.write(one_input(features=[Feature("backlog")]), "other.npz")
    done = diff(second="other.npz")
    expected = "Error: the models do not take the same features: only A has f0, only B has backlog\n"
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", expected)


def test_features_in_another_order_are_compared_by_their_names(diff):
    for path, weights, names in (("8.npz", [1.0, 0.0], "ab"), ("turned.npz", [0.0, 1.0], "ba")):
        model_file.write(model_of(Network([layer([weights], [0.0])]), features=[Feature(name) for name in names]), path)
    Path("orders.jsonl").write_text('{"order_id": "A", "a": 1, "b": 2}\n')
    assert diff().stdout.endswith("score       largest difference 0.0\n")
