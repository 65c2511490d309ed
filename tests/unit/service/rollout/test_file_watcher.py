import os
import threading

import pytest

from service.rollout import file_watcher
from service.rollout.file_watcher import FileWatcher
from service.shared.look_times import LookTimes
from tests.servers import until


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(file_watcher, "EVERY", 0.01)
    monkeypatch.setattr(file_watcher, "FIRST_SECONDS", 0.2)


def test_every_file_is_looked_at_before_the_start_returns_and_again_and_again():
    tokens, drain = [], []
    FileWatcher({"tokens": lambda: tokens.append(1), "drain": lambda: drain.append(1)}, LookTimes()).start(0)
    assert tokens
    assert drain
    assert until(lambda: min(len(tokens), len(drain)) > 3, 10)


def test_a_look_that_hangs_holds_up_neither_the_start_nor_other_looks_and_its_age_grows():
    hang, seen, times = threading.Event(), [], LookTimes()

    def stuck():
        hang.wait()

    FileWatcher({"tokens": stuck, "drain": lambda: seen.append(1)}, times).start(3)
    looks = len(seen)
    assert until(lambda: len(seen) > looks + 2, 10)
    assert until(lambda: times.ages()["tokens"] > 0.4, 10)
    assert times.ages().keys() == {"tokens", "drain"}
    hang.set()
    assert until(lambda: times.ages()["tokens"] < 0.3, 10)


def test_the_age_is_that_of_the_worker_whose_look_is_the_longest_ago_until_it_has_ended():
    times = LookTimes()
    child = os.fork()
    if child == 0:
        times.looked(2, "tokens")
        os._exit(0)
    os.waitpid(child, 0)
    assert until(lambda: times.ages()["tokens"] > 0.2, 10)
    times.looked(1, "tokens")
    assert times.ages()["tokens"] > 0.2
    times.ended(2)
    assert times.ages()["tokens"] >= 0
    times.ended(1)
    assert times.ages() == {}
