from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Feature
from model.core.network import Network
from model.errors import SelfTestFailed
from model.registry import references, versions
from model.registry.references import VersionReference
from service import config
from service.cli.doctor import models
from service.cli.doctor.finding import Patient, fail, ok
from tests.models import layer, model_of, one_input
from tests.registries import publish
from tests.unit.model.artifact.broken_models import MODELS


def patient(**given):
    environ = {config.variable(name): str(value) for name, value in given.items()}
    return Patient(environ, config.load(environ))


@pytest.fixture
def directory(tmp_path):
    """A store of versions 1 to 3, of which 2 is current after 1."""
    directory = tmp_path / "models"
    directory.mkdir()
    for version in "123":
        publish(directory, version, float(version))
    versions.promote("1", directory)
    versions.promote("2", directory)
    return directory


@pytest.fixture
def file_of(tmp_path):
    """A model file of these bytes."""

    def file_of(data):
        (tmp_path / "model.npz").write_bytes(data)
        return tmp_path / "model.npz"

    return file_of


def checked(patient):
    return [*models.model(patient), *models.self_test(patient), *models.challenger(patient)]


def test_sound_settings_are_counted():
    assert list(models.settings(patient(threads=5, workers=1))) == [ok("2 variables set, all of them known and sound")]


def test_every_faulty_setting_fails():
    environ = {"DELIVERY_RISK_THREADS": "x", "DELIVERY_RISK_NOTHING": "x"}
    found = list(models.settings(Patient(environ, config.load({}))))
    assert [(each.verdict, each.found.split(":")[0]) for each in found] == [
        ("FAIL", "DELIVERY_RISK_NOTHING"),
        ("FAIL", "DELIVERY_RISK_THREADS"),
    ]


def test_a_sound_model_reproduces_its_self_test(file_of):
    made = model_file.loads(model_file.dumps(one_input()))
    loaded, tested = checked(patient(model=file_of(model_file.dumps(made))))
    assert loaded == ok(f"made 1 (sha256 {made.sha256})")
    assert tested == ok("1 orders get the file's scores, to the last bit")


def test_a_model_of_functions_that_differ_between_machines_is_held_to_less(file_of):
    data = model_file.dumps(model_of(Network([layer([[1.0]], [0.0], "tanh"), layer([[1.0]], [0.0])])))
    assert checked(patient(model=file_of(data)))[1] == ok("1 orders get the file's scores, to 1e-12")


def test_a_model_that_cannot_be_loaded_fails(file_of):
    (found,) = checked(patient(model=file_of(b"nothing")))
    advice = "put a sound model file there, or set DELIVERY_RISK_MODEL"
    assert found == fail(f"{file_of(b'nothing')}: not a valid zip archive", advice)


def test_a_model_of_another_digest_than_the_pinned_one_fails(file_of):
    (found,) = checked(patient(model=file_of(model_file.dumps(one_input())), model_sha256="0" * 64))
    assert (found.verdict, "which is not the expected one" in found.found) == ("FAIL", True)


def test_a_model_that_does_not_reproduce_its_self_test_fails_by_that_check_alone(file_of):
    data, error, _ = MODELS["another weight"]
    given = patient(model=file_of(data))
    assert error is SelfTestFailed
    assert list(models.model(given)) == []
    (found,) = models.self_test(given)
    assert (found.verdict, "1 of 3 orders get other scores" in found.found or "orders get other" in found.found) == (
        "FAIL",
        True,
    )
    assert found.advice.endswith("see `arithmetic`")


def test_a_sound_store_shows_its_current_version_and_whom_it_tries(directory):
    loaded, tested, tried = checked(patient(model=directory))
    assert (loaded.found.split(" (")[0], tested.verdict, tried) == (
        "made 2",
        "ok",
        ok("none is tried beside the current version"),
    )
    versions.challenge("3", directory)
    assert checked(patient(model=directory))[2].found.startswith("made 3 (sha256 ")


def test_a_store_whose_current_version_is_broken_fails_and_tells_what_is_served_instead(directory):
    Path(directory, "2.npz").write_bytes(b"broken")
    found = checked(patient(model=directory))[0]
    assert (found.verdict, "SHA-256" in found.found) == ("FAIL", True)
    assert found.advice == (
        f"promote one that is sound: delivery-risk model promote 1 --in {directory}; until then made 1 is served"
    )


def remove_pointer(directory):
    Path(directory, references.CURRENT).unlink()


def cut_pointer(directory):
    Path(directory, references.CURRENT).write_bytes(b"{")


def swell_pointer(directory):
    Path(directory, references.CURRENT).write_bytes(b" " * (references.LIMIT + 1))


def break_all_that_were_current(directory):
    for version in "12":
        Path(directory, f"{version}.npz").write_bytes(b"broken")


@pytest.mark.parametrize("harm", [remove_pointer, cut_pointer, swell_pointer, break_all_that_were_current])
def test_a_store_that_leads_to_no_sound_version_fails_with_advice_that_mends_it(directory, harm):
    harm(directory)
    found = checked(patient(model=directory))[0]
    told = f"promote one that is sound: delivery-risk model promote VERSION --in {directory} ("
    assert (found.verdict, found.advice.startswith(told)) == ("FAIL", True)
    assert found.advice.endswith("; until then no service can start; one that runs goes on with what it serves")
    versions.promote("3", directory)
    assert {each.verdict for each in checked(patient(model=directory))} == {"ok"}


def test_a_pointer_that_cannot_be_read_fails_and_no_promotion_is_advised(directory):
    remove_pointer(directory)
    Path(directory, references.CURRENT).mkdir()
    found = checked(patient(model=directory))[0]
    assert (found.verdict, found.advice.split(";")[0]) == ("FAIL", "make it a file that can be read")


def test_a_store_that_points_to_another_digest_than_the_pinned_one_fails_whatever_is_sound(directory):
    found = checked(patient(model=directory, model_sha256=versions.get(directory, "1").sha256))[0]
    told = "promote the version of that digest, or unset DELIVERY_RISK_MODEL_SHA256; until then no service can start"
    assert (found.verdict, found.advice.startswith(told)) == ("FAIL", True)


def break_file(directory):
    Path(directory, "3.npz").write_bytes(b"broken")


def break_pointer(directory):
    Path(directory, references.CHALLENGER).write_bytes(b"{")


def point_to_other_features(directory):
    made = one_input(features=[Feature("other")])
    model_file.write(replace(made, manifest=replace(made.manifest, version="4")), directory.with_name("4.npz"))
    sha256 = str(versions.publish(directory.with_name("4.npz"), directory).sha256)
    references.write(directory, ".draft-", [VersionReference("4", "4.npz", sha256)], references.CHALLENGER)


@pytest.mark.parametrize("harm", [break_file, break_pointer, point_to_other_features])
def test_a_challenger_that_cannot_be_tried_fails(directory, harm):
    versions.challenge("3", directory)
    harm(directory)
    loaded, _, found = checked(patient(model=directory))
    assert (loaded.verdict, found.verdict) == ("ok", "FAIL")
    assert found.advice.endswith(f"delivery-risk model challenge --none --in {directory}")
