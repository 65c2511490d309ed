import pytest

from model import artifact, registry
from model.default import default_model
from model.errors import DigestMismatch, NotServable, Unreadable
from model.network import Network
from tests.model.making import layer, model_of, one_input


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
