from dataclasses import replace

import pytest

from model.artifact import model_file
from service.config import DEFAULT_MODEL
from tests.apps import app_of
from tests.facts import ORDERS, SCORES


@pytest.fixture
def accept(run):
    """Make the version 2 of a model, by default the packaged one, that accepts these names too."""

    def accept(*names, of=DEFAULT_MODEL, version="2"):
        return run("model", "accept", *names, of, "--version", version, "--out", f"{version}.npz")

    return accept


def test_the_new_version_scores_orders_with_these_names_as_before_and_rejects_others(accept):
    assert accept("promised_at", "depot").exit_code == 0
    client = app_of(model="2.npz").test_client()
    sent = [order | {"promised_at": "12:30", "depot": None} for order in ORDERS]
    assert [row["score"] for row in client.post("/score", json={"orders": sent}).json["results"]] == SCORES
    assert client.post("/score", json={"orders": [ORDERS[0] | {"promised": 1}]}).status_code == 422
    assert client.get("/model").json["also_accepts"] == ["promised_at", "depot"]


def test_everything_else_stays_the_same(accept):
    accept("promised_at")
    accept("depot", "promised_at", of="2.npz", version="3")
    before, after = model_file.read(DEFAULT_MODEL), model_file.read("3.npz")
    assert after.manifest.also_accepts == ("promised_at", "depot")
    assert after.manifest.provenance["accepts_model_version"] == "2"
    assert model_file.dumps(replace(after, manifest=before.manifest)) == model_file.dumps(before)


@pytest.mark.parametrize(
    ("names", "reason"), [(["x", "backlog"], "Error: backlog: the model has"), (["a b"], "also_accepts[0]")]
)
def test_a_name_that_an_order_has_already_or_cannot_have_is_an_error(accept, names, reason):
    done = accept(*names)
    assert (done.exit_code, reason in done.stderr) == (1, True)


def test_the_version_must_be_new(accept):
    assert accept("depot", version="1.0.0").exit_code == 2
