from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Input
from model.core.network import Network
from model.registry import references, versions
from model.registry.references import VersionReference
from service import config
from service.cli.doctor import settings
from service.cli.doctor.finding import Installation, ok, warn
from tests.models import layer, model_of, one_input
from tests.registries import holding, refer
from tests.unit.model.artifact.broken_models import MODELS

CURRENT, CHALLENGER = references.CURRENT, references.CHALLENGER


@pytest.fixture
def directory(tmp_path):
    """A registry of versions 1 to 3, of which 2 is current after 1."""
    return holding(tmp_path / "models", "123", "12")


def checked(**given):
    """The findings of all checks of models under these settings."""
    environ = {config.variable(name): str(value) for name, value in given.items()}
    installation = Installation(environ, config.load(environ))
    return [finding for check in (settings.model, settings.self_test, settings.challenger) for finding in check(installation)]


@pytest.mark.parametrize(("activation", "exact"), [("linear", "the last bit"), ("tanh", "1e-12")])
def test_a_valid_model_passes_its_self_test_as_exactly_as_its_functions_are_portable(tmp_path, activation, exact):
    made = model_of(Network([layer([[1.0]], [0.0], activation), layer([[1.0]], [0.0])]))
    written = model_file.write(made, tmp_path / "model.npz")
    loaded, passed = ok(f"made 1 (sha256 {written.sha256})"), f"1 orders get the file's scores, to {exact}; "
    how = "not compared with the scores of its training script"
    assert checked(model=tmp_path / "model.npz") == [
        loaded,
        warn(f"{passed}{how}", "import it again with --check and --expect"),
    ]
    compared = replace(made.manifest, provenance={"checked_orders": "9", "checked_difference": "1e-16"})
    model_file.write(replace(made, manifest=compared), tmp_path / "model.npz")
    how = "compared with the scores of its training script: 9 orders, largest difference 1e-16"
    assert checked(model=tmp_path / "model.npz")[1] == ok(f"{passed}{how}")


PUT = "put a valid model file there, or set DELIVERY_RISK_MODEL"


@pytest.mark.parametrize(
    ("data", "sha256", "reason", "advice"),
    [
        (b"nothing", "", "not a ", PUT),
        (model_file.dumps(one_input()), "0" * 64, "which is not the expected one", PUT),
        (MODELS["another weight"][0], "", "orders get other", f"{PUT}; see `arithmetic`"),
    ],
    ids=["not a model", "another digest than the pinned one", "another score in the self-test"],
)
def test_a_model_that_cannot_be_served_fails_by_one_check(tmp_path, data, sha256, reason, advice):
    (tmp_path / "model.npz").write_bytes(data)
    (found,) = checked(model=tmp_path / "model.npz", **({"model_sha256": sha256} if sha256 else {}))
    assert (found.verdict, found.advice) == ("FAIL", advice)
    assert found.found.startswith(f"{tmp_path}/model.npz: ")
    assert reason in found.found


def test_a_valid_registry_shows_its_current_version_and_its_challenger(directory):
    loaded, tested, tried = checked(model=directory)
    assert (loaded.found.split(" (")[0], tested.verdict) == ("made 2", "warn")
    assert tried == ok("none is tried beside the current version")
    versions.challenge("3", directory)
    assert checked(model=directory)[2].found.startswith("made 3 (sha256 ")


def break_versions(*names):
    return lambda directory: [Path(directory, f"{name}.npz").write_bytes(b"broken") for name in names]


def make_unreadable(directory):
    Path(directory, CURRENT).unlink()
    Path(directory, CURRENT).mkdir()


PROMOTE = "promote a valid version: delivery-risk model promote"
NONE_SERVED = "until then no service can start; running services keep their model"
REPAIRED = f"{PROMOTE} VERSION --in DIR (`delivery-risk model list --in DIR` shows them); {NONE_SERVED}"
DIGEST = "2.npz: its SHA-256"
HARM = {
    "current version": (break_versions("2"), DIGEST, f"{PROMOTE} 1 --in DIR; until then made 1 is served"),
    "every version that was current": (break_versions("1", "2"), DIGEST, REPAIRED),
    "missing reference": (lambda directory: Path(directory, CURRENT).unlink(), CURRENT, REPAIRED),
    "torn reference": (lambda directory: Path(directory, CURRENT).write_bytes(b"{"), CURRENT, REPAIRED),
    "large reference": (lambda directory: Path(directory, CURRENT).write_bytes(bytes(references.LIMIT + 1)), CURRENT, REPAIRED),
    "unreadable reference": (make_unreadable, CURRENT, f"make it a readable file; {NONE_SERVED}"),
}


@pytest.mark.parametrize(("harm", "reason", "advice"), HARM.values(), ids=HARM)
def test_a_registry_that_cannot_be_served_fails_with_a_reason_and_advice_that_repairs_it(directory, harm, reason, advice):
    harm(directory)
    found = checked(model=directory)[0]
    assert (found.verdict, found.advice) == ("FAIL", advice.replace("DIR", str(directory)))
    assert found.found.startswith(f"{directory}: {reason}")
    if "promote" in advice:
        versions.promote("3", directory)
        assert "FAIL" not in {each.verdict for each in checked(model=directory)}


def test_a_registry_whose_current_digest_is_not_the_pinned_one_fails(directory):
    found = checked(model=directory, model_sha256=versions.get(directory, "1").sha256)[0]
    advice = "promote the version of that digest, or unset DELIVERY_RISK_MODEL_SHA256"
    assert (found.verdict, found.advice) == ("FAIL", f"{advice}; {NONE_SERVED}")


def refer_to_other_features(directory):
    made = one_input(inputs=[Input("other")])
    model_file.write(replace(made, manifest=replace(made.manifest, version="4")), directory.with_name("4.npz"))
    sha256 = str(versions.publish(directory.with_name("4.npz"), directory).sha256)
    refer(directory, VersionReference("4", "4.npz", sha256), CHALLENGER)


@pytest.mark.parametrize(
    "harm",
    [break_versions("3"), lambda directory: Path(directory, CHALLENGER).write_bytes(b"{"), refer_to_other_features],
    ids=["version", "reference", "other features"],
)
def test_a_challenger_that_cannot_be_tried_fails(directory, harm):
    versions.challenge("3", directory)
    harm(directory)
    loaded, _, found = checked(model=directory)
    assert (loaded.verdict, found.verdict) == ("ok", "FAIL")
    assert found.advice.endswith(f"delivery-risk model challenge --none --in {directory}")
