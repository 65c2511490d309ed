"""Worker processes whose results are taken as they complete."""

import multiprocessing
import os
import signal
import subprocess
import sys
from itertools import count

import pytest

from service.offline.pool import Pool, WorkerLost

JOBS, UNDER_WAY = 2, 4


def test_each_task_has_its_result_once():
    with Pool(JOBS, lambda task: task * task) as pool:
        found = list(pool.completed(iter(range(50))))
    assert sorted(found) == [(number, number * number) for number in range(50)]


def test_no_tasks_have_no_results():
    with Pool(JOBS, abs) as pool:
        assert list(pool.completed([])) == []


def test_a_slow_task_does_not_hold_the_others_back():
    others_are_done = multiprocessing.get_context("fork").Event()

    def work(task):
        return others_are_done.wait(20) if task == 0 else None

    with Pool(JOBS, work) as pool:
        found = []
        for task, result in pool.completed(range(20)):
            found.append((task, result))
            if len(found) == 19:
                others_are_done.set()
    assert found[-1] == (0, True)


def test_only_a_few_tasks_are_taken_ahead_of_the_results():
    taken = []
    tasks = (taken.append(number) or number for number in range(30))
    with Pool(JOBS, abs) as pool:
        ahead = [len(taken) - yielded for yielded, _ in enumerate(pool.completed(tasks))]
    assert (max(ahead), len(ahead)) == (UNDER_WAY, 30)


def test_what_the_work_raises_comes_after_the_results_that_are_there(monkeypatch):
    monkeypatch.setattr("service.offline.pool.FIRST_COMPLETED", "ALL_COMPLETED")
    found = []
    with Pool(JOBS, lambda task: 10 // task) as pool, pytest.raises(ZeroDivisionError):
        found.extend(pool.completed([0, 5, 2]))
    assert found == [(5, 2), (2, 5)]
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_ends_the_results_with_an_error():
    def work(task):
        if task == 9:
            os.kill(os.getpid(), signal.SIGKILL)

    found = []
    with Pool(1, work) as pool, pytest.raises(WorkerLost):
        found.extend(task for task, _ in pool.completed(count()))
    assert found == list(range(9))
    assert not multiprocessing.active_children()


def test_results_need_not_all_be_taken():
    with Pool(JOBS, abs) as pool:
        found = pool.completed(count())
        assert len([next(found) for _ in range(5)]) == 5
        assert sorted(pool.completed([-3, -1])) == [(-3, 3), (-1, 1)]
    assert not multiprocessing.active_children()


STUCK = """
import os, time
from service.offline.pool import Pool
try:
    with Pool(2, abs) as pool:
        executor = pool._executor
        executor._work_ids.mutex.acquire()  # as a signal may leave it
        executor._executor_manager_thread_wakeup.wakeup()
        time.sleep(0.2)
        raise KeyboardInterrupt
except KeyboardInterrupt:
    os._exit(3)
"""


def test_an_interrupt_that_leaves_a_lock_of_the_executor_ends_the_block():
    assert subprocess.run([sys.executable, "-c", STUCK], timeout=20, check=False).returncode == 3
