"""What the doctor says of the files that settings name."""

import os
from dataclasses import replace
from typing import Any

import pytest

from service import config
from service.cli.doctor.files import KINDS, named_files
from service.cli.doctor.finding import Patient, fail, ok, warn
from tests.bearer_tokens import GOOD, OTHER, line

DRAIN, TOKENS = "DELIVERY_RISK_DRAIN_FILE", "DELIVERY_RISK_TOKENS_FILE"
MEND = "mend it; `delivery-risk token new` makes a line"


def found(**given):
    paths: dict[str, Any] = {name: str(path) for name, path in given.items()}
    settings = replace(config.load({}), **paths)
    return list(named_files(Patient({}, settings)))


def test_every_setting_of_a_file_has_its_check():
    assert set(KINDS) == {name for name in config.SETTINGS if name.endswith("_file")}


def test_files_that_no_setting_names_are_not_asked_for():
    assert found() == []


def test_a_drain_file_that_is_not_there_is_as_it_should_be(tmp_path):
    assert found(drain_file=tmp_path / "drain") == [ok(f"{DRAIN}: the file can be made, and is not there")]
    assert os.listdir(tmp_path) == []


def test_a_drain_file_in_the_working_directory_needs_no_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert found(drain_file="drain")[0].verdict == "ok"


def test_a_service_that_drains_is_a_warning(tmp_path):
    (tmp_path / "drain").touch()
    advice = "remove it, unless the service is to stop"
    assert found(drain_file=tmp_path / "drain") == [warn(f"{DRAIN}: the file is there, so the service is draining", advice)]


def test_a_drain_file_without_its_directory_fails(tmp_path):
    advice = "make it, or set the variable to a file in another"
    assert found(drain_file=tmp_path / "run" / "drain") == [fail(f"{DRAIN}: its directory is not there", advice)]


def test_a_drain_file_in_a_directory_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    (said,) = found(drain_file=tmp_path / "drain")
    assert (said.verdict, said.found) == ("warn", f"{DRAIN}: its directory cannot be written by this user")


def test_of_sound_tokens_only_their_number_is_told(tmp_path):
    (tmp_path / "tokens").write_text("# two\n" + line(GOOD) + line(OTHER))
    assert found(tokens_file=tmp_path / "tokens") == [ok(f"{TOKENS} holds 2 tokens")]


FAULTY = {
    "words": ("x y z\n", "line 1: expected a name, scopes and the SHA-256 of a token"),
    "a token itself": (f"{line(OTHER)}\nplanner score {GOOD}\n", "line 3: expected a name, scopes and the SHA-256 of a token"),
    "a digest again": (line(GOOD) * 2, "line 2: the digest of an earlier line"),
    "nothing": ("", "holds no token"),
    "blanks": (" \n# none\n", "holds no token"),
}


@pytest.mark.parametrize(("content", "reason"), FAULTY.values(), ids=FAULTY)
def test_tokens_that_the_service_would_not_take_fail_by_their_line(tmp_path, content, reason):
    (tmp_path / "tokens").write_text(content)
    assert found(tokens_file=tmp_path / "tokens") == [fail(f"{TOKENS}: {reason}", MEND)]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "cannot be read (No such file or directory)"),
        (os.mkdir, "cannot be read (Is a directory)"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.write_bytes(bytes(2**17)), "over 65536 bytes"),
    ],
)
def test_tokens_that_cannot_be_read_fail(tmp_path, make, reason):
    make(tmp_path / "tokens")
    (said,) = found(tokens_file=tmp_path / "tokens")
    assert (said.verdict, said.found) == ("FAIL", f"{TOKENS}: {reason}")
