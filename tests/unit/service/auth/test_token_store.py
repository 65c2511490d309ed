import logging
import os
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.auth import token_store
from service.auth.token_store import TokenStore
from service.auth.tokens import BadToken
from service.rollout.file_watcher import FileWatcher
from service.shared.look_times import LookTimes
from tests.bearer_tokens import BREAKS, GOOD, OTHER, REVOKED, UNKNOWN, digest, line, replace
from tests.servers import until
from tests.unit.service.auth.test_tokens import contents, read_by_hand

BROKEN = [how for how in BREAKS if how != "unreadable" or os.geteuid() != 0]  # root reads every file


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(line(GOOD))
    return file


@pytest.fixture
def at_once(monkeypatch):
    """Every look reads the file, whether it has rested or not."""
    for name in ("REST", "PATIENCE"):
        monkeypatch.setattr(token_store, name, 0.0)


def store_of(path):
    """A store of the file, and the list to which each failure adds."""
    failures = []
    return TokenStore(str(path), lambda: failures.append(1)), failures


def valid(store, *tokens):
    """Which of the tokens are valid after a look."""
    store.look()
    return checked(store, *tokens)


def checked(store, *tokens):
    found = []
    for token in tokens:
        try:
            found.append(bool(store.check(f"Bearer {token}")))
        except BadToken:
            found.append(False)
    return found


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_breaks_leaves_the_last_tokens_in_force_until_it_is_repaired(at_once, path, broken, caplog):
    store, failures = store_of(path)
    replace(path, line(OTHER))
    assert valid(store, GOOD, OTHER) == [False, True]
    assert not failures
    BREAKS[broken](path)
    for _ in range(3):
        assert valid(store, GOOD, OTHER, UNKNOWN) == [False, True, False]
    assert len(failures) >= 3
    (reason,) = [record.reason for record in caplog.records if record.levelno == logging.ERROR]
    assert reason
    assert str(path) not in reason
    replace(path, line(GOOD))
    assert valid(store, GOOD, OTHER) == [True, False]


@pytest.mark.parametrize("broken", BROKEN)
def test_with_a_file_that_is_broken_at_the_start_no_token_is_valid_until_it_is_repaired(at_once, path, broken):
    BREAKS[broken](path)
    store, failures = store_of(path)
    assert failures == [1]
    assert valid(store, GOOD, UNKNOWN) == [False, False]
    replace(path, line(GOOD))
    assert valid(store, GOOD, UNKNOWN) == [True, False]


def test_a_new_worker_that_finds_the_file_broken_uses_the_tokens_that_others_have_read(at_once, path):
    store, _ = store_of(path)
    replace(path, line(OTHER))
    for _ in range(2):
        child = os.fork()
        if child == 0:
            os._exit(valid(store, GOOD, OTHER) != [False, True])
        assert os.waitpid(child, 0)[1] == 0
        path.write_text("broken")
    assert valid(store, GOOD, OTHER) == [False, True]


def test_a_worker_that_has_read_the_file_corrects_the_shared_records(at_once, path):
    store, _ = store_of(path)
    assert valid(store, GOOD) == [True]
    store._records.write(line(OTHER).encode())
    assert valid(store, GOOD, OTHER) == [True, False]
    assert store._records.read() == line(GOOD).encode()


def test_a_file_is_read_once_it_rests_and_not_in_half(path, monkeypatch):
    store, failures = store_of(path)
    now = time.monotonic()
    monkeypatch.setattr(token_store.time, "monotonic", lambda: now)
    with path.open("w") as file:
        for text in (line(OTHER), line(GOOD)):
            file.write(text)
            file.flush()
            assert valid(store, GOOD, OTHER) == [True, False]
            now += token_store.REST / 4
    assert valid(store, GOOD, OTHER) == [True, False]
    now += token_store.REST + 0.02
    assert valid(store, GOOD, OTHER) == [True, True]
    assert not failures


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_or_that_of_a_file_server_changes_nothing(path, monkeypatch, hours):
    store, _ = store_of(path)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * hours)
    replace(path, line(OTHER))
    assert valid(store, GOOD, OTHER) == [True, False], "it may still be written"
    time.sleep(token_store.REST + 0.02)
    assert valid(store, GOOD, OTHER) == [False, True]
    reads = []
    monkeypatch.setattr(token_store, "_read", reads.append)
    for _ in range(3):
        time.sleep(token_store.REST + 0.02)
        assert valid(store, GOOD, OTHER) == [False, True]
    assert not reads


def test_a_file_that_never_rests_is_read_all_the_same(path, monkeypatch):
    monkeypatch.setattr(token_store, "PATIENCE", 0.3)
    store, _ = store_of(path)
    replace(path, line(OTHER))
    began = time.monotonic()
    while valid(store, GOOD) == [True]:
        os.utime(path)
        time.sleep(0.02)
        assert time.monotonic() < began + 5
    assert time.monotonic() - began > token_store.PATIENCE


@pytest.mark.long
def test_a_changed_file_is_mostly_in_force_within_half_a_second(path):
    store, _ = store_of(path)
    FileWatcher({"tokens": store.look}, LookTimes()).start(0)
    seconds = []
    for turn, (old, new) in enumerate([(GOOD, OTHER), (OTHER, GOOD)] * 4):
        time.sleep(0.07 * turn)
        replace(path, line(new))
        began = time.monotonic()
        while checked(store, old, new) != [False, True]:
            assert time.monotonic() < began + 5
            time.sleep(0.01)
        seconds.append(time.monotonic() - began)
    assert sorted(seconds)[5] < 0.5
    assert max(seconds) < 1


def test_a_new_worker_whose_look_hangs_uses_the_tokens_that_others_have_read(at_once, path, monkeypatch):
    store, _ = store_of(path)
    replace(path, line(OTHER))
    child = os.fork()
    if child == 0:
        os._exit(valid(store, GOOD, OTHER) != [False, True])
    assert os.waitpid(child, 0)[1] == 0
    monkeypatch.setattr(os, "stat", lambda *_: threading.Event().wait())
    threading.Thread(target=store.look, daemon=True).start()
    assert until(lambda: checked(store, GOOD, OTHER) == [False, True], 10)


def test_another_file_of_the_same_size_and_times_is_noticed(at_once, path):
    store, _ = store_of(path)
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    assert valid(store, GOOD) == [True]
    time.sleep(0.02)
    path.write_text(line(OTHER))
    os.utime(path, ns=times)
    assert valid(store, GOOD, OTHER) == [False, True]


def test_the_start_logs_whether_authentication_is_on(path, caplog):
    caplog.set_level(logging.INFO, "delivery_risk.tokens")
    token_store.log_state(None)
    token_store.log_state(str(path))
    for how in ("garbage", "deleted"):
        BREAKS[how](path)
        token_store.log_state(str(path))
    off, read = ("WARNING", "authentication is off: no tokens file is set"), ("INFO", "tokens file read")
    invalid = ("ERROR", "tokens file is not valid; no token is valid")
    assert [(record.levelname, record.message) for record in caplog.records] == [off, read, invalid, invalid]


@pytest.mark.parametrize("examples", [40, pytest.param(2_000, marks=pytest.mark.long)])
def test_the_last_valid_content_is_in_force_after_any_history_of_the_file(at_once, examples, tmp_path):
    path = tmp_path / "tokens"

    @settings(max_examples=examples)
    @given(st.lists(contents() | st.none(), min_size=1, max_size=6))
    def law(history):
        path.unlink(missing_ok=True)
        store, expected = TokenStore(str(path), lambda: None), {}
        for content in history:
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
                expected = read_by_hand(content) or expected
            store.look()
            for token in (GOOD, OTHER, REVOKED, UNKNOWN):
                try:
                    found = store.check(f"Bearer {token}")
                except BadToken:
                    assert digest(token) not in expected
                else:
                    assert (found.caller, found.scopes) == expected[digest(token)]

    law()
