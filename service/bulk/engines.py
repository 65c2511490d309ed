"""Engines: what does the work of a run, in this process or in several of this machine. dask_engine.py is one for a cluster.

An engine is started before its process opens a place, and then given the names of files.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

from service.bulk.work import Done, Failed, Work
from service.offline.pool import Pool

Outcomes: TypeAlias = Iterator[Done | Failed]
Completed: TypeAlias = Callable[[Iterable[str]], Outcomes]
"""Does the work for each of these names. Gives the outcomes as they are there, in any order."""

Engine: TypeAlias = Callable[[Work], AbstractContextManager[Completed]]


def processes(jobs: int) -> Engine:
    """So many processes of this machine; with one, this process. Raises WorkerLost."""

    @contextmanager
    def started(work: Work) -> Iterator[Completed]:
        if jobs == 1:
            yield lambda names: map(work, names)
            return
        with Pool(jobs, work) as pool:
            yield lambda names: (outcome for _, outcome in pool.completed(names))

    return started
