import pytest

from model.artifact import model_file
from model.core.network import Network
from model.errors import DigestMismatch, NotServable
from model.packaged import packaged_model
from model.registry import loader, versions
from tests.models import layer, model_of, one_input
from tests.registries import holding


def test_a_servable_model_is_loaded(tmp_path):
    written = model_file.write(packaged_model(), tmp_path / "model.npz")
    loaded = loader.load(tmp_path / "model.npz", written.sha256)
    assert (loaded.sha256, loaded.manifest) == (written.sha256, packaged_model().manifest)
    with pytest.raises(DigestMismatch):
        loader.load(tmp_path / "model.npz", "0" * 64)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(one_input(head="identity"), id="identity head"),
        pytest.param(one_input(head="softmax"), id="softmax head"),
        pytest.param(model_of(Network([layer([[1.0], [1.0]], [0.0, 0.0])])), id="two outputs"),
    ],
)
def test_a_valid_model_that_is_not_servable_is_rejected(model, tmp_path):
    model_file.write(model, tmp_path / "model.npz")
    with pytest.raises(NotServable) as rejected:
        loader.load(tmp_path / "model.npz")
    assert rejected.value.location == "manifest.head"


@pytest.fixture
def two(tmp_path):
    """A registry of two versions, of which the first is current."""
    return holding(tmp_path / "registry", "12", "1")


def test_the_current_version_of_a_registry_is_loaded(two):
    assert loader.load(two).manifest.version == "1"
    versions.promote("2", two)
    assert loader.load(str(two)).manifest.version == "2"


def test_a_registry_whose_current_version_has_another_digest_is_rejected(two):
    digest = versions.current(two).sha256
    assert loader.load(two, digest).sha256 == digest
    with pytest.raises(DigestMismatch) as rejected:
        loader.load(two, "0" * 64)
    assert rejected.value.location == "CURRENT.json.sha256"
