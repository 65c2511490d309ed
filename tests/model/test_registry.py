import pytest

from model import artifact, registry, store
from model.default import default_model
from model.errors import DigestMismatch, NothingPromoted, NotServable, Unreadable
from model.network import Network
from tests.model.making import layer, model_of, one_input
from tests.model.stores import holding


def test_a_model_that_gives_a_delay_risk_is_loaded(tmp_path):
    written = artifact.write(default_model(), tmp_path / "model.npz")
    loaded = registry.load(tmp_path / "model.npz", written.sha256)
    assert (loaded.sha256, loaded.manifest) == (written.sha256, default_model().manifest)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(one_input(head="identity"), id="identity head"),
        pytest.param(one_input(head="softmax"), id="softmax head"),
        pytest.param(model_of(Network([layer([[1.0], [1.0]], [0.0, 0.0])])), id="two outputs"),
    ],
)
def test_a_sound_model_that_gives_no_delay_risk_is_refused(model, tmp_path):
    artifact.write(model, tmp_path / "model.npz")
    with pytest.raises(NotServable) as refused:
        registry.load(tmp_path / "model.npz")
    assert refused.value.place == "manifest.head"


def test_a_file_with_another_digest_is_refused(tmp_path):
    artifact.write(default_model(), tmp_path / "model.npz")
    with pytest.raises(DigestMismatch):
        registry.load(tmp_path / "model.npz", "0" * 64)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Unreadable):
        registry.load(tmp_path / "model.npz")


@pytest.fixture
def two(tmp_path):
    """A store of two versions, of which the first is current."""
    return holding(tmp_path / "store", "12", "1")


def test_of_a_store_the_current_version_is_loaded(two):
    assert registry.load(two).manifest.version == "1"
    store.promote("2", two)
    assert registry.load(str(two)).manifest.version == "2"


def test_a_store_whose_current_version_has_another_digest_is_refused(two):
    digest = store.current(two).sha256
    assert registry.load(two, digest).sha256 == digest
    with pytest.raises(DigestMismatch) as refused:
        registry.load(two, "0" * 64)
    assert refused.value.place == "CURRENT.json.sha256"


def test_a_directory_without_a_pointer_is_refused(tmp_path):
    with pytest.raises(NothingPromoted):
        registry.load(tmp_path)


def test_a_version_of_a_store_is_a_model_file(two):
    assert registry.load(two / "2.npz").manifest.version == "2"
