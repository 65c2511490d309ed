"""What the doctor reports of the settings and of the files that they name."""

import os
from dataclasses import replace
from typing import Any

import pytest

from service import config
from service.cli.doctor import settings
from service.cli.doctor.finding import Installation, fail, ok, warn
from tests.bearer_tokens import GOOD, OTHER, line

DRAIN, TOKENS = "DELIVERY_RISK_DRAIN_FILE", "DELIVERY_RISK_TOKENS_FILE"
KEY = "DELIVERY_RISK_HOLDOUT_KEY_FILE"


def found(**given):
    paths: dict[str, Any] = {name: str(path) for name, path in given.items()}
    valid = replace(config.load({}), **paths)
    return list(settings.files(Installation({}, valid)))


def test_valid_settings_are_counted():
    environ = {"DELIVERY_RISK_THREADS": "5", "DELIVERY_RISK_WORKERS": "1", "PATH": "/bin"}
    assert settings.settings(Installation(environ, config.load(environ))) == [ok("2 variables set, all valid")]


def test_every_setting_of_a_file_has_its_check():
    assert set(settings.FILES) == {name for name in config.SETTINGS if name.endswith("_file")}
    assert found() == []


def test_a_drain_file_must_not_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "drain", "drain"):
        assert found(drain_file=path) == [ok(f"{DRAIN}: the file can be created, and does not exist")]
    assert os.listdir(tmp_path) == []
    (tmp_path / "drain").touch()
    advice = "remove it, unless the service is to stop"
    assert found(drain_file=tmp_path / "drain") == [warn(f"{DRAIN}: the file exists, so the service is draining", advice)]


def test_the_directory_of_a_drain_file_must_exist_and_be_writable(tmp_path, monkeypatch):
    advice = "create it, or set the variable to a file in another directory"
    assert found(drain_file=tmp_path / "run" / "drain") == [fail(f"{DRAIN}: its directory does not exist", advice)]
    monkeypatch.setattr(os, "access", lambda *_: False)
    advice = "check that the user who stops the service can write"
    assert found(drain_file=tmp_path / "drain") == [warn(f"{DRAIN}: its directory is not writable by this user", advice)]


def test_of_valid_tokens_only_their_number_is_printed(tmp_path):
    (tmp_path / "tokens").write_text("# two\n" + line(GOOD) + line(OTHER))
    assert found(tokens_file=tmp_path / "tokens") == [ok(f"{TOKENS} holds 2 tokens")]


CORRECT, PUT = "correct it; `delivery-risk", "put the tokens there"


@pytest.mark.parametrize(
    ("make", "reason", "advice"),
    [
        (lambda path: path.write_text(f"{line(OTHER)}\nplanner score {GOOD}\n"), "line 3: ", CORRECT),
        (lambda path: path.write_text(""), "the file has no token", CORRECT),
        (lambda path: None, "cannot be read (No such file or directory)", PUT),
        (os.mkfifo, "not a regular file", PUT),
        (lambda path: path.write_bytes(bytes(2**17)), "over 65536 bytes", PUT),
    ],
)
def test_tokens_that_the_service_would_reject_or_could_not_read_fail(tmp_path, make, reason, advice):
    make(tmp_path / "tokens")
    (finding,) = found(tokens_file=tmp_path / "tokens")
    assert (finding.verdict, finding.found.startswith(f"{TOKENS}: {reason}"), GOOD in finding.found) == ("FAIL", True, False)
    assert finding.advice.startswith(advice)


def test_the_key_of_a_holdout_must_be_readable_for_the_service_and_not_for_everybody(tmp_path):
    path = tmp_path / "key"
    path.write_text("SECRET" * 3)
    path.chmod(0o640)
    assert found(holdout_key_file=path) == [ok(f"{KEY} holds a key")]
    path.chmod(0o644)
    what = f"{KEY} holds a key, which every user of this machine can read"
    assert found(holdout_key_file=path) == [warn(what, "take the permission from the others")]
    path.write_text("SECRET")
    advice = "put random bytes there, in a file that the service's user can read"
    assert found(holdout_key_file=path) == [fail(f"{KEY}: expected a key of at least 16 bytes", advice)]
