"""/ui/model of a registry: its versions, its journal, and what is wrong with it."""

import hashlib
import json
from dataclasses import replace

import pytest

from model.artifact import model_file
from model.registry import versions
from model.registry.references import CHALLENGER, VersionReference
from service.serving.worker_state import WorkerState
from service.ui import shown_registry
from tests.apps import service_of
from tests.people_pages import HOSTILE, opened
from tests.raw_orders import raw_model
from tests.registries import holding, publish, refer, version_of


@pytest.fixture
def registry(tmp_path):
    """A registry of versions 7, 8 and 9; 7 was promoted, then 8."""
    return holding(tmp_path / "models", "789", "78")


def served(registry):
    """A client of a service of this registry, once a worker has looked at it."""
    service = service_of(model=str(registry), ui="on")
    service.reloader.look()
    return service.app.test_client(), service


def test_a_registry_shows_its_versions_with_their_marks_and_who_promoted_them(registry):
    versions.challenge("9", registry)
    client, _ = served(registry)
    page = opened(client)
    entries = [json.loads(line) for line in (registry / "JOURNAL.jsonl").read_text().splitlines()]
    by = {entry["to"]["version"]: f"{entry['user']}@{entry['host']}" for entry in entries if entry["action"] == "promote"}
    rows = page.body("Table of versions")
    assert [row[0] for row in rows] == ["9 challenger", "8 current", "7"]
    assert [row[3] for row in rows] == [versions.get(registry, version).sha256[:12] for version in "987"]
    assert [row[5] for row in rows] == ["", by["8"], by["7"]]
    assert "9 since " in page.text
    (form,) = (found for found in page.all("form") if found.get("method") == "get")
    assert form["action"] == "compare"


def test_the_journal_is_the_newest_first_and_the_entries_over_50_are_counted(registry):
    for at in range(60):
        versions.promote("78"[at % 2], registry, message=f"number {at} {HOSTILE}")
    page = opened(served(registry)[0])
    rows = page.body("Table of the journal")
    assert len(rows) == 50
    assert [row[5] for row in rows] == [" ".join(f"number {at} {HOSTILE}".split()) for at in range(59, 9, -1)]
    assert (rows[0][1], rows[0][2:4]) == ("promote", ["7", "8"])
    assert "And 12 older entries: delivery-risk model log has all." in page.text


def test_a_promotion_that_was_checked_shows_what_was_measured(registry):
    check = '"against": "%s", "orders": 12345, "late": 410, "days": 30, "brier_before": 0.08, "brier_after": 0.07' % ("0" * 64)
    check += ', "difference": null, "low": null, "high": null, "reviews_a_day": 48.2, "failed": [], "forced": false'
    first, last = (registry / "JOURNAL.jsonl").read_text().splitlines()
    (registry / "JOURNAL.jsonl").write_text(f'{first}\n{last[:-1]}, "check": {{{check}}}}}\n')
    rows = opened(served(registry)[0]).body("Table of the journal")
    assert rows[0][5] == "Checked: 12,345 orders, 410 late, 30 days, Brier 0.080000 -> 0.070000, 48.2 reviews a day"


def test_a_reference_that_cannot_be_followed_is_reported_with_its_reason(registry):
    client, service = served(registry)
    (registry / "9.npz").write_bytes(b"SECRET")
    refer(registry, VersionReference("9", "9.npz", "0" * 64))
    service.reloader.look()
    page = opened(client)
    reason = client.get("/model").json["lineup"]["champion"]["reason"]
    assert f"reference to the current version, which is 9, could not be followed: {reason} ." in page.text
    assert "continues with 8." in page.text
    assert "SECRET" not in page.text
    assert page.body("Table of versions")[0][:2] == ["9 current", f"invalid: {reason.partition(': ')[2]}"]


@pytest.mark.parametrize("content", ["{", '{"version": "SECRET"}', ""])
def test_a_broken_reference_is_an_error_of_the_registry_and_the_page_is_shown(registry, content):
    client, service = served(registry)
    (registry / "CURRENT.json").write_text(content)
    service.reloader.look()
    page = opened(client)
    assert "The registry has an error: CURRENT.json" in page.text
    assert "`delivery-risk model promote` replaces it." in page.text
    assert "could not be followed: BadPointer: CURRENT.json" in page.text
    assert [row[0] for row in page.body("Table of versions")] == ["9", "8", "7"]
    assert "SECRET" not in page.text


def test_a_challenger_that_takes_other_inputs_is_reported_and_not_served(registry):
    other = model_file.dumps(replace(made := raw_model(), manifest=replace(made.manifest, name="made", version="6")))
    (registry / "6.npz").write_bytes(other)
    refer(registry, VersionReference("6", "6.npz", hashlib.sha256(other).hexdigest()), CHALLENGER)
    page = opened(served(registry)[0])
    assert "reference to the challenger, which is 6, could not be followed: OtherFeatures: manifest.features" in page.text
    assert "The service tries again, and continues without one." in page.text


def test_an_unreadable_journal_is_reported(registry):
    (registry / "JOURNAL.jsonl").unlink()
    (registry / "JOURNAL.jsonl").mkdir()
    page = opened(served(registry)[0])
    assert "The registry has an error: JOURNAL.jsonl: cannot be read (Is a directory). Make it a file" in page.text
    assert "The journal has no entries." in page.text


def test_a_registry_that_is_gone_is_reported(registry):
    client, _ = served(registry)
    registry.rename(registry.with_name("moved"))
    page = opened(client)
    assert "The registry cannot be read (No such file or directory)." in page.text
    assert "Versions" not in page.tables


def test_versions_that_take_too_long_to_read_are_named_alone(registry, monkeypatch):
    monkeypatch.setattr(shown_registry, "SECONDS", -1.0)
    client, _ = served(registry)
    page = opened(client)
    assert [row[:2] for row in page.body("Table of versions")] == [
        ["9", "not read"],
        ["8 current", "not read"],
        ["7", "not read"],
    ]
    assert "The page reads versions for a second." in page.text


def test_the_versions_over_50_are_counted(registry):
    for number in range(10, 60):
        publish(registry, str(number))
    page = opened(served(registry)[0])
    rows = page.body("Table of versions")
    assert [row[0] for row in rows] == [str(number) for number in range(59, 9, -1)]
    assert "And 3 older versions." in page.text


def test_an_invalid_version_is_named_and_its_content_is_not_shown(registry):
    (registry / "7.npz").write_bytes(b"SECRET")
    (registry / "9.npz").write_bytes(version_of("10"))
    page = opened(served(registry)[0])
    nine, _, seven = page.body("Table of versions")
    assert nine[1].startswith("invalid: 9.npz: manifest.version")
    assert seven[1].startswith("invalid: 7.npz: not a ")
    assert "SECRET" not in page.text


def test_workers_that_serve_another_version_are_counted(registry):
    client, service = served(registry)
    states = service.serving.active.states
    champion = replace(states["champion"], served=replace(states["champion"].served, version="7"))
    for slot in (1, 2):
        service.serving.worker_states.write(slot, WorkerState({**states, "champion": champion}))
    service.serving.worker_states.ended(2)
    assert "1 worker serves version 7." in opened(client).text
