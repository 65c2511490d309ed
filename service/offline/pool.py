"""Worker processes for the tasks of a command. A few tasks are under way at a time."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Task = TypeVar("Task")
Result = TypeVar("Result")

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_AHEAD = 2
"""Tasks under way for each process."""


class WorkerLost(RuntimeError):
    """A worker process could not be forked, or ended before its task."""


class Pool(Generic[Task, Result]):
    """So many processes that do `work`, a function of a task. They are forked, and so have all that this process has.

    They end with the block, and with this process however it ends. They ignore Ctrl-C and SIGTERM, which end the block. Raises
    WorkerLost.
    """

    def __init__(self, jobs: int, work: Callable[[Task], Result]) -> None:
        context = multiprocessing.get_context("fork")
        self._most = _AHEAD * jobs
        self._executor = ProcessPoolExecutor(jobs, context, _start, (work,))

    def __enter__(self) -> "Pool[Task, Result]":
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._executor.submit(int)  # all processes are forked now, before one of them can receive a signal
        except OSError:
            _end_children()
            raise WorkerLost from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        # After an error a task may take minutes more. And a process that waits for a lock of one that was killed never ends.
        _end_children()
        # A signal may interrupt `submit` or `result` while it takes a lock that the executor's thread then waits for.
        self._executor.shutdown(wait=kind is None, cancel_futures=True)

    def map(self, tasks: Iterable[tuple[Item, Task | None]]) -> Iterator[tuple[Item, Result | None]]:
        """Each item with the result of its task, None where it has none, in the order of the items.

        Raises WorkerLost, and what the work raises.
        """
        under_way: deque[tuple[Item, Future[Result] | None]] = deque()
        try:
            for item, task in tasks:
                under_way.append((item, None if task is None else self._executor.submit(_run, task)))
                if len(under_way) > self._most:
                    yield self._done(*under_way.popleft())
            while under_way:
                yield self._done(*under_way.popleft())
        except BrokenProcessPool:
            raise WorkerLost from None

    def completed(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Each task with its result, in the order in which they complete: a slow task does not hold the others back.

        Raises WorkerLost, and what the work raises, after the results of tasks that were complete by then.
        """
        left = iter(tasks)
        under_way: dict[Future[Result], Task] = {}
        try:
            while True:
                for task in islice(left, self._most - len(under_way)):
                    under_way[self._executor.submit(_run, task)] = task
                if not under_way:
                    return
                done, _ = wait_for(under_way, return_when=FIRST_COMPLETED)
                for future in sorted(filter(done.__contains__, under_way), key=lambda each: each.exception() is not None):
                    yield under_way.pop(future), future.result()
        except BrokenProcessPool:
            raise WorkerLost from None

    def _done(self, item: Item, future: Future[Result] | None) -> tuple[Item, Result | None]:
        return item, None if future is None else future.result()


_work: Callable[[Any], Any]


def _start(work: Callable[[Any], Any]) -> None:
    """Begin a worker process."""
    global _work
    _work = work
    for number in _SIGNALS:  # sent to all processes of a terminal or a service; the owner of this one ends it
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_children() -> None:
    """End the processes, whose locks on files are free then."""
    processes = multiprocessing.active_children()
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _run(task: Any) -> Any:
    return _work(task)
