from urllib.parse import quote

import numpy as np
import pytest

from model.registry import versions
from model.registry.references import VersionReference
from tests.apps import service_of
from tests.people_pages import HOSTILE, opened
from tests.registries import holding, publish, refer, version_of


@pytest.fixture
def registry(tmp_path):
    """A registry of versions 7, 8 and 9 of which 9 has another weight; 8 is current."""
    made = holding(tmp_path / "models", "78", "8")
    publish(made, "9", 3.5)
    return made


@pytest.fixture
def client(registry):
    return service_of(model=str(registry), ui="on").app.test_client()


def test_two_versions_differ_in_what_the_command_reports(client, registry, run):
    page = opened(client, "/ui/compare?from=7&to=9")
    lines = run("model", "diff", registry / "7.npz", registry / "9.npz").stdout.splitlines()[2:]
    assert page.body("Differences") == [line.split(maxsplit=1) for line in lines]
    before, after = (versions.get(registry, version) for version in "79")
    largest = np.abs(before.network.layers[0].weights - after.network.layers[0].weights).max()
    assert page.body("Differences") == [["w1", f"1 of 1 numbers differ, by at most {largest}"]]
    for model in (before, after):
        assert model.sha256 in page.texts


def test_versions_that_differ_in_nothing_are_the_same(client):
    page = opened(client, "/ui/compare?from=7&to=8")
    assert "Both are the same in threshold, network, inputs," in page.text
    assert "Differences" not in page.tables


def test_without_versions_the_page_is_a_form_of_all_of_them(client):
    page = opened(client, "/ui/compare")
    assert page.text.count("9 8 7") == 2
    assert [each.get("selected", "no") for each in page.all("option")] == ["no", None, "no", None, "no", "no"]


@pytest.mark.parametrize(
    "query",
    [
        "from=7&to=SECRET",
        "from=SECRET&to=7",
        "from=7",
        "to=7",
        "from=../7&to=8",
        "from=7.npz&to=8",
        "from=&to=8",
        "from=7%00&to=8",
    ],
)
def test_a_version_that_the_registry_does_not_have_is_not_found_and_not_repeated(client, query):
    page = opened(client, f"/ui/compare?{query}", 404)
    assert "The registry has no such version. Choose two versions of the list." in page.text
    assert "SECRET" not in page.text


def test_a_hostile_version_is_not_found_and_not_repeated(client):
    page = opened(client, f"/ui/compare?from={quote(HOSTILE)}&to={quote(HOSTILE)}", 404)
    assert "alert" not in page.text


def test_a_version_whose_file_is_invalid_is_named_with_its_fault(client, registry):
    (registry / "7.npz").write_bytes(b"SECRET")
    page = opened(client, "/ui/compare?from=7&to=8", 422)
    assert "Version 7 cannot be compared: 7.npz: not a " in page.text
    assert "SECRET" not in page.text


def test_the_current_version_is_the_bytes_that_its_reference_is_to(client, registry):
    (registry / "8.npz").write_bytes(version_of("8", 2.0))
    page = opened(client, "/ui/compare?from=8&to=9", 422)
    assert "Version 8 cannot be compared: 8.npz: its SHA-256 is " in page.text


def test_a_version_that_is_referred_to_and_has_no_file_cannot_be_compared(client, registry):
    refer(registry, VersionReference("6", "6.npz", "0" * 64))
    page = opened(client, "/ui/compare?from=6&to=8", 422)
    assert "Version 6 cannot be compared: 6.npz: cannot be read (No such file or directory)." in page.text


def test_a_registry_without_references_can_be_compared(client, registry):
    (registry / "CURRENT.json").unlink()
    assert opened(client, "/ui/compare?from=7&to=9").body("Differences")


def test_a_service_of_one_model_file_has_no_versions_to_compare():
    client = service_of(ui="on").app.test_client()
    assert "This service serves one model file and no registry" in opened(client, "/ui/compare?from=1&to=2", 404).text


def test_a_registry_that_is_gone_is_not_found(registry):
    service = service_of(model=str(registry), ui="on")
    service.reloader.look()
    registry.rename(registry.with_name("moved"))
    client = service.app.test_client()
    assert "The registry cannot be read (No such file or directory)." in opened(client, "/ui/compare?from=7&to=8", 404).text
