"""Worker processes for the tasks of a command. A few tasks are under way at a time; the results are in their order."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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

    They end with the block, and with this process however it ends. They ignore Ctrl-C, which ends the block. Raises WorkerLost.
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
            for process in multiprocessing.active_children():
                process.terminate()
            raise WorkerLost from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._executor.shutdown(cancel_futures=True)

    def map(self, tasks: Iterable[tuple[Item, Task | None]]) -> Iterator[tuple[Item, Result | None]]:
        """Each item with the result of its task, None where it has none. Raises WorkerLost, and what the work raises."""
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

    def _done(self, item: Item, future: Future[Result] | None) -> tuple[Item, Result | None]:
        return item, None if future is None else future.result()


_work: Callable[[Any], Any]


def _start(work: Callable[[Any], Any]) -> None:
    """Begin a worker process."""
    global _work
    _work = work
    for number, action in zip(_SIGNALS, (signal.SIG_IGN, signal.SIG_IGN, signal.SIG_DFL), strict=True):
        signal.signal(number, action)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _run(task: Any) -> Any:
    return _work(task)
