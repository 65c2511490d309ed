import hashlib
from pathlib import Path

import numpy as np
import pytest

from model.artifact import model_file
from service.config import DEFAULT_MODEL
from tests.order_files import ONE


def made():
    return model_file.read("made.npz")


@pytest.mark.parametrize(
    ("epoch", "created"),
    [("0", "1970-01-01T00:00:00Z"), ("1700000000", "2023-11-14T22:13:20Z"), ("253402300799", "9999-12-31T23:59:59Z")],
)
def test_an_imported_model_names_its_source_and_has_the_bytes_of_its_date(import_, arrays, monkeypatch, epoch, created):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    done = import_(arrays)
    first, manifest = Path("made.npz").read_bytes(), made().manifest
    assert (done.exit_code, made().sha256 in done.stdout) == (0, True)
    assert (manifest.name, manifest.version, manifest.threshold, manifest.created) == ("made", "7", 0.4, created)
    assert manifest.provenance["source_sha256"] == hashlib.sha256(Path(arrays).read_bytes()).hexdigest()
    import_(arrays)
    assert Path("made.npz").read_bytes() == first


@pytest.mark.parametrize("epoch", ["abc", "-1", "1.5", " 1", "1_0", "٣", "253402300800", "9" * 400])
@pytest.mark.parametrize("command", ["import", "card"])
def test_an_invalid_source_date_is_rejected_and_not_repeated(run, import_, arrays, monkeypatch, command, epoch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    Path("orders.csv").write_text(ONE)
    card = ("model", "card", DEFAULT_MODEL, "--on", "orders.csv", "--version", "2", "--out", "made.npz")
    done = import_(arrays) if command == "import" else run(*card)
    assert (done.exit_code, Path("made.npz").exists()) == (2, False)
    assert done.stderr.endswith("Error: SOURCE_DATE_EPOCH: expected whole seconds since 1970\n")


def test_an_import_that_fails_names_the_place_and_writes_nothing(import_, arrays):
    done = import_(arrays, "--activations", "relu,relu")
    assert (done.exit_code, Path("made.npz").exists()) == (1, False)
    assert "manifest.activations: 2 activations for 1 hidden layers" in done.stderr


@pytest.mark.parametrize(("entry", "count"), [({}, 0), ({"minimum": 0}, 1), ({"train_min": 0, "train_max": 9, "p01": 1}, 1)])
def test_an_import_reports_how_many_features_have_a_range(with_card, entry, count):
    done = with_card({"name": "distance"}, {"name": "backlog", **entry})
    assert done.stdout.splitlines()[1] == f"{count} of 2 features have a range"


@pytest.mark.parametrize(("name", "head", "place"), [("queue", "sigmoid", "features"), ("distance", "identity", "head")])
def test_a_model_without_risk_or_with_an_output_column_is_imported_and_not_served(run, import_, arrays, name, head, place):
    np.savez("named.npz", **dict(np.load(arrays)) | {"feature_names": np.array(["backlog", name])})
    done = import_("named.npz", "--head", head)
    *_, told = done.stdout.splitlines()
    assert (done.exit_code, told.startswith("not servable: ")) == (0, True)
    assert told in run("model", "inspect", "made.npz").stdout
    Path("models").mkdir()
    for code, *command in ((1, "model", "validate"), (1, "model", "publish", "--to", "models"), (2, "score", "--model")):
        done = run(*command, "made.npz")
        error = told.replace("not servable", f"Error: made.npz: manifest.{place}")
        assert (done.exit_code, error in done.stderr) == (code, True)


def test_default_writes_the_packaged_model_byte_for_byte(run):
    assert run("model", "default", "--out", "again.npz").exit_code == 0
    assert Path("again.npz").read_bytes() == Path(DEFAULT_MODEL).read_bytes()


def test_validate_compares_the_digest(run):
    assert "delivery-risk 1.0.0 is valid" in run("model", "validate", DEFAULT_MODEL).stdout
    digest = hashlib.sha256(Path(DEFAULT_MODEL).read_bytes()).hexdigest()
    codes = [run("model", "validate", DEFAULT_MODEL, "--sha256", each).exit_code for each in (digest, digest.upper(), "0" * 64)]
    assert codes == [0, 0, 1]
