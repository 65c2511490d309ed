import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.auth import tokens, tokens_file
from service.auth.token_store import LIMIT
from service.auth.tokens import BadTokens


def line(name="planner"):
    return tokens.new(name, "score")[1]


def names(path):
    return [token.caller for token in tokens.parse(path.read_bytes())]


OLD = line("old")


@pytest.mark.parametrize("content", [f"{OLD}\n", OLD, f"# a comment\r\n{OLD}\r\n", f"\n{OLD}\n\n"], ids=range(4))
def test_a_line_is_added_below_what_the_file_has(tmp_path, content):
    (tmp_path / "tokens").write_bytes(content.encode())
    added = line()
    tokens_file.add(str(tmp_path / "tokens"), added)
    after = (tmp_path / "tokens").read_bytes().decode()
    assert after.startswith(content)
    assert after[len(content) :].strip() == added
    assert names(tmp_path / "tokens") == ["old", "planner"]


def test_there_need_be_no_file_and_no_token_before(tmp_path):
    tokens_file.add(str(tmp_path / "new"), line())
    (tmp_path / "empty").write_text("")
    tokens_file.add(str(tmp_path / "empty"), line())
    assert names(tmp_path / "new") == names(tmp_path / "empty") == ["planner"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_link_stays_and_the_file_that_it_leads_to_keeps_permissions_and_owner(tmp_path, mode):
    there = tmp_path / "there"
    there.mkdir()
    (there / "tokens").write_text(OLD)
    (there / "tokens").chmod(mode)
    if os.geteuid() == 0:
        os.chown(there / "tokens", 4001, 4002)
    before = (there / "tokens").stat()
    (tmp_path / "link").symlink_to("there/tokens")
    tokens_file.add(str(tmp_path / "link"), line())
    after = (there / "tokens").stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, mode)
    assert (os.readlink(tmp_path / "link"), names(there / "tokens")) == ("there/tokens", ["old", "planner"])


INVALID = {
    "an invalid line": (f"{OLD}\nplanner score 0\n", "line 2: expected a name"),
    "a digest twice": (f"{OLD}\n{OLD}\n", "line 2: the same digest"),
    "a file that is full": (f"{OLD}\n#{'x' * (LIMIT - len(OLD) - 3)}\n", f"with the line over {LIMIT} bytes"),
    "a file that is over the limit": ("#" * (LIMIT + 1), f"over {LIMIT} bytes"),
}


@pytest.mark.parametrize(("content", "reason"), INVALID.values(), ids=INVALID)
def test_a_file_that_is_invalid_or_would_be_is_not_changed(tmp_path, content, reason):
    (tmp_path / "tokens").write_text(content)
    with pytest.raises(BadTokens, match=reason):
        tokens_file.add(str(tmp_path / "tokens"), line())
    assert (tmp_path / "tokens").read_text() == content
    assert set(os.listdir(tmp_path)) == {"tokens", ".tokens.lock"}


@pytest.mark.parametrize("step", ["fchmod", "fsync", "chown", "replace"])
def test_a_failure_at_any_step_leaves_the_file_as_it_was(tmp_path, monkeypatch, step):
    (tmp_path / "tokens").write_text(OLD)
    (tmp_path / ".tokens.lock").touch()

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(OSError, match="No space"):
        tokens_file.add(str(tmp_path / "tokens"), line())
    assert (tmp_path / "tokens").read_text() == OLD
    assert set(os.listdir(tmp_path)) == {"tokens", ".tokens.lock"}


def test_of_lines_that_are_added_at_once_none_is_lost(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: tokens_file.add(str(tmp_path / "tokens"), line(f"caller-{number}")), range(40)))
    assert sorted(names(tmp_path / "tokens")) == sorted(f"caller-{number}" for number in range(40))
