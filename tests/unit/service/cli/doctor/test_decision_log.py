"""What the doctor reports of the decision log."""

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from service import config
from service.cli.doctor.decision_log import decision_log
from service.cli.doctor.finding import Installation, fail, ok, warn

NAME = "DELIVERY_RISK_DECISION_LOG"


def found(folder):
    given = None if folder is None else str(folder)
    return [*decision_log(Installation({}, replace(config.load({}), decision_log=given)))]


@pytest.fixture
def free(monkeypatch):
    """Sets how many GiB are free."""
    return lambda gib: monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=gib * 2**18, f_frsize=4096))


def test_no_log_is_no_fault():
    assert found(None) == [ok("none is kept")]


def test_a_folder_with_room_is_valid(tmp_path, free):
    free(5)
    assert found(tmp_path) == [ok(f"{NAME}: the folder can be written, 5.0 GiB are free")]


def test_little_room_is_a_warning(tmp_path, free):
    free(1)
    advice = "free 2.0 GiB; `delivery-risk decisions prune` removes old files"
    assert found(tmp_path) == [warn(f"{NAME}: 1.0 GiB are free", advice)]


def test_a_folder_that_is_missing_or_cannot_be_written_fails(tmp_path, monkeypatch):
    advice = "make a folder there that the service's user can write (mkdir -m 700)"
    assert found(tmp_path / "none") == [fail(f"{NAME}: the folder does not exist", advice)]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert found(tmp_path) == [fail(f"{NAME}: the folder cannot be written", advice)]
