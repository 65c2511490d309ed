import pytest

from model.artifact import model_file
from model.errors import DigestMismatch, NotServable
from model.packaged import packaged_model
from model.registry import loader, versions
from tests.model_files import rejects
from tests.models import one_input
from tests.registries import holding


def test_a_servable_model_is_loaded(tmp_path):
    path = tmp_path / "model.npz"
    written = model_file.write(packaged_model(), path)
    loaded = loader.load(path, written.sha256)
    assert (loaded.sha256, loaded.manifest) == (written.sha256, packaged_model().manifest)
    with pytest.raises(DigestMismatch):
        loader.load(path, "0" * 64)
    model_file.write(one_input(head="identity"), path)
    with rejects(NotServable, "manifest.head"):
        loader.load(path)


def test_the_current_version_of_a_registry_is_loaded_under_its_digest_and_its_error_is_raised_where_none_is_valid(tmp_path):
    registry = holding(tmp_path / "registry", "12", "1")
    digest = versions.current(registry).sha256
    assert (loader.load(registry).manifest.version, loader.load(registry, digest).sha256) == ("1", digest)
    versions.promote("2", registry)
    assert loader.load(str(registry)).manifest.version == "2"
    with rejects(DigestMismatch, "CURRENT.json.sha256"):
        loader.load(registry, digest)
    for name in ("1.npz", "2.npz"):
        (registry / name).write_bytes(b"")
    with rejects(DigestMismatch, "2.npz"):
        loader.last_valid(registry)
