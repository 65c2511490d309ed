import logging
import os
import time

import pytest

from service.auth import token_store
from service.auth.token_store import LIMIT, TokenStore
from service.auth.tokens import BadToken
from tests.bearer_tokens import GOOD, OTHER, UNKNOWN, line


def directory(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path)


def fifo(path):
    path.unlink()
    os.mkfifo(path)


def unreadable(path):
    path.chmod(0)


BROKEN = {
    "empty": lambda path: path.write_text(""),
    "cut in a line": lambda path: path.write_text(line(GOOD)[:-20]),
    "garbage": lambda path: path.write_bytes(bytes(range(256))),
    "a good line and a bad one": lambda path: path.write_text(line(UNKNOWN) + "planner\n"),
    "too large": lambda path: path.write_text("#" * LIMIT + "\n" + line(UNKNOWN)),
    "deleted": lambda path: path.unlink(),
    "a directory": directory,
    "a link to itself": loop,
    "a FIFO": fifo,
    **({} if os.geteuid() == 0 else {"unreadable": unreadable}),  # root reads every file
}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(line(GOOD))
    return file


@pytest.fixture
def at_once(monkeypatch):
    """Every request looks at the file, and takes it rested or not."""
    for name in ("EVERY", "REST", "PATIENCE"):
        monkeypatch.setattr(token_store, name, 0.0)


@pytest.fixture
def make(path):
    """A store of the tokens of the file, and the list that each failure lengthens."""

    def made():
        failures = []
        return TokenStore(str(path), lambda: failures.append(1)), failures

    return made


def valid(ring, *tokens):
    found = []
    for token in tokens:
        try:
            found.append(bool(ring.check(f"Bearer {token}")))
        except BadToken:
            found.append(False)
    return found


def replace(path, text):
    path.with_name("draft").write_text(text)
    os.replace(path.with_name("draft"), path)


@pytest.mark.parametrize("change", [replace, lambda path, text: path.write_text(text)], ids=["renamed", "in place"])
def test_a_changed_file_is_in_force(at_once, path, make, change):
    ring, failures = make()
    assert valid(ring, GOOD, OTHER) == [True, False]
    change(path, line(GOOD) + line(OTHER))
    assert valid(ring, GOOD, OTHER) == [True, True]
    change(path, line(OTHER))
    assert valid(ring, GOOD, OTHER) == [False, True]
    assert not failures


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_breaks_leaves_the_last_tokens_in_force_until_it_is_mended(at_once, path, make, broken, caplog):
    ring, failures = make()
    replace(path, line(OTHER))
    assert valid(ring, GOOD, OTHER) == [False, True]
    BROKEN[broken](path)
    assert valid(ring, GOOD, OTHER, UNKNOWN) == [False, True, False]
    assert len(failures) >= 3
    (said,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert said.reason
    assert str(path) not in said.reason
    if path.is_dir():
        path.rmdir()
    replace(path, line(GOOD))
    assert valid(ring, GOOD, OTHER) == [True, False]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_is_broken_at_the_start_lets_nobody_in_until_it_is_mended(at_once, path, make, broken):
    BROKEN[broken](path)
    ring, failures = make()
    assert failures == [1]
    assert valid(ring, GOOD, UNKNOWN) == [False, False]
    if path.is_dir():
        path.rmdir()
    replace(path, line(GOOD))
    assert valid(ring, GOOD, UNKNOWN) == [True, False]


def test_a_new_worker_goes_by_what_the_others_have_seen_when_it_finds_the_file_broken(at_once, path, make):
    ring, _ = make()

    def child(work):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if work() else 1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    replace(path, line(OTHER))
    assert child(lambda: valid(ring, GOOD, OTHER) == [False, True])
    path.write_text("broken")
    assert child(lambda: valid(ring, GOOD, OTHER) == [False, True])
    assert valid(ring, GOOD, OTHER) == [False, True]


def test_a_worker_that_knows_the_file_puts_the_board_right(at_once, path, make):
    ring, _ = make()
    assert valid(ring, GOOD) == [True]
    ring._records.write(line(OTHER).encode())
    assert valid(ring, GOOD, OTHER) == [True, False]
    assert ring._records.read() == line(GOOD).encode()


def test_a_file_is_taken_once_it_rests_and_not_in_half(path, make, monkeypatch):
    monkeypatch.setattr(token_store, "EVERY", 0.0)
    ring, failures = make()
    with path.open("w") as file:
        for text in (line(OTHER), line(GOOD)):
            file.write(text)
            file.flush()
            assert valid(ring, GOOD, OTHER) == [True, False]
            time.sleep(token_store.REST / 4)
    time.sleep(token_store.REST + 0.02)
    assert valid(ring, GOOD, OTHER) == [True, True]
    assert not failures


def test_a_file_that_never_rests_is_taken_all_the_same(path, make, monkeypatch):
    monkeypatch.setattr(token_store, "EVERY", 0.0)
    monkeypatch.setattr(token_store, "PATIENCE", 0.3)
    ring, _ = make()
    replace(path, line(OTHER))
    began = time.monotonic()
    while valid(ring, GOOD) == [True]:
        os.utime(path)
        time.sleep(0.02)
        assert time.monotonic() < began + 5
    assert time.monotonic() - began > token_store.PATIENCE


def test_a_file_changed_while_nobody_called_is_in_force_for_the_first_call(path, make):
    ring, _ = make()
    replace(path, line(OTHER))
    time.sleep(token_store.REST + 0.02)
    assert valid(ring, GOOD, OTHER) == [False, True]


def test_a_file_of_the_same_size_and_times_is_seen_to_be_another(at_once, path, make):
    ring, _ = make()
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    assert valid(ring, GOOD) == [True]
    time.sleep(0.02)
    path.write_text(line(OTHER))
    os.utime(path, ns=times)
    assert valid(ring, GOOD, OTHER) == [False, True]


def test_the_file_is_looked_at_a_few_times_a_second_however_many_call(path, make, monkeypatch):
    ring, _ = make()
    looks, real = [], os.stat
    monkeypatch.setattr(os, "stat", lambda *given, **named: looks.append(1) or real(*given, **named))
    began = time.monotonic()
    while time.monotonic() < began + 0.25:
        valid(ring, GOOD)
    assert len(looks) <= 2 * (0.25 / token_store.EVERY + 2)


@pytest.mark.parametrize(
    ("prepare", "level", "said"),
    [
        (None, "WARNING", "no tokens file: whoever reaches the service may call it"),
        (lambda path: None, "INFO", "tokens file read"),
        (lambda path: path.write_text("x"), "ERROR", "tokens file refused, no token is valid"),
        (lambda path: path.unlink(), "ERROR", "tokens file refused, no token is valid"),
    ],
)
def test_at_the_start_it_is_said_who_may_call(path, caplog, prepare, level, said):
    caplog.set_level(logging.INFO, "delivery_risk.tokens")
    if prepare is not None:
        prepare(path)
    token_store.announce(None if prepare is None else str(path))
    assert [(record.levelname, record.message) for record in caplog.records] == [(level, said)]
