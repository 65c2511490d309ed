"""The engine that is a cluster of Dask. Needs dask.distributed, here and, with this package, on its workers."""

import logging
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any
from uuid import uuid4

from distributed import CancelledError, Client, LocalCluster, as_completed

from service.bulk.engines import Completed, Engine, Outcomes
from service.bulk.errors import BulkError
from service.bulk.place import first_line
from service.bulk.work import Done, Failed, Work

_TERMINAL = (signal.SIGHUP, signal.SIGINT)


def dask(scheduler: str | None, jobs: int) -> Engine:
    """The cluster of the scheduler at this address; without one, a cluster of so many processes of this machine.

    A part whose worker is lost is given to another. A part that several workers do not survive fails.
    """

    @contextmanager
    def started(work: Work) -> Iterator[Completed]:
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what goes wrong is an outcome, or ends the run

        def completed(names: Iterable[str]) -> Outcomes:
            run = uuid4().hex  # a key made of the work would have its URLs, in logs and on the dashboard
            futures = {client.submit(work, name, key=("part", run, number)): name for number, name in enumerate(names)}
            for future in as_completed(futures):
                yield _outcome(future, futures[future])
                future.release()

        with _cluster(scheduler, jobs) as client:
            yield completed

    return started


def _outcome(future: Any, name: str) -> Done | Failed:
    try:
        outcome: Done | Failed = future.result()
    except CancelledError:
        raise BulkError("the scheduler is lost; run it again to go on") from None
    except Exception as error:  # of Dask, such as a part that several workers did not survive
        return Failed(name, first_line(error))
    return outcome


@contextmanager
def _cluster(scheduler: str | None, jobs: int) -> Iterator[Client]:
    if scheduler is not None:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise BulkError(f"the scheduler {scheduler} cannot be reached ({first_line(error)}); check --scheduler") from None
        with client:
            yield client
        return
    with _local(jobs) as cluster, Client(cluster) as client:
        yield client


def _local(jobs: int) -> LocalCluster:
    """A cluster that Ctrl-C on a terminal ends by its owner alone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL)
    try:
        resource_tracker.ensure_running()  # it unblocks Ctrl-C when it starts
        signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL)
        quiet: dict[str, Any] = {"silence_logs": logging.CRITICAL, "dashboard_address": None}
        return LocalCluster(n_workers=jobs, threads_per_worker=1, host="127.0.0.1", **quiet)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
