"""What the end of a worker counts, in process; tests/integration/test_watchdog.py has the real server."""

import sys
from types import SimpleNamespace

import pytest

from service import config
from service.metrics.recorder import Metrics
from service.server import watchdog
from service.shared.counters import MASTER_SLOT, SharedCounters
from service.telemetry.request_context import ENVIRON_KEY, RequestContext
from service.web import concurrency_limit
from service.web.concurrency_limit import ConcurrencyLimit


class Worker:
    """A worker's permits and clock: `nr_conns` are its open connections, `at` says what happens at which second."""

    def __init__(self, monkeypatch, log, permits):
        self.log = log
        log.clear()
        settings = config.load({"DELIVERY_RISK_MAX_CONCURRENT": str(permits), "DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS": "10"})
        self.counters, self.now, self.at, self.nr_conns = SharedCounters(), 0.0, {}, 0
        self.metrics = Metrics(self.counters)
        self.limit = ConcurrencyLimit(settings, lambda: 2**20, self.metrics)
        monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep))
        monkeypatch.setattr(concurrency_limit, "monotonic", lambda: self.now)
        monkeypatch.setattr(watchdog, "os", SimpleNamespace(kill=lambda *_: None, getpid=lambda: 0, _exit=sys.exit))

    def take(self, until, reading=None):
        permit = self.limit.permit({ENVIRON_KEY: RequestContext("same")})
        permit.until, permit.reading = until, reading
        self.metrics.count("delivery_risk_requests_in_progress")
        self.nr_conns += 1
        return permit

    def leave(self, permit):
        permit.release()
        self.metrics.count("delivery_risk_requests_in_progress", amount=-1)
        self.nr_conns -= 1

    def ends(self, **expected):
        """Watch until the worker has exited; its counts must be these."""
        with pytest.raises(SystemExit):
            watchdog._watch(self.limit, self.metrics, self)
        self.metrics.worker_ended(MASTER_SLOT)
        totals = self.counters.totals()
        overdue = totals["delivery_risk_requests_overdue_total", "compute"].item()
        lost = totals[("delivery_risk_requests_lost_total",)].item()
        assert {"overdue": overdue, "lost": lost, "logged": len(self.log.records)} == expected

    def _sleep(self, seconds):
        self.now += seconds
        for second in [second for second in self.at if second <= self.now]:
            self.at.pop(second)()


@pytest.fixture
def worker_of(monkeypatch, caplog):
    return lambda permits: Worker(monkeypatch, caplog, permits)


def test_each_overdue_request_is_counted_once_even_if_the_second_becomes_overdue_while_the_worker_ends(worker_of):
    worker = worker_of(3)
    for until in (1.0, 2.0, 50.0):
        worker.take(until)
    worker.ends(overdue=2, lost=3, logged=3)


def test_a_request_answered_before_the_worker_exits_is_not_lost_but_the_next_one_with_its_permit_is(worker_of):
    worker = worker_of(3)
    worker.take(1.0)
    answered, taken = worker.take(9.0), []
    worker.at[2.0] = lambda: worker.leave(answered)
    worker.ends(overdue=1, lost=1, logged=1)
    again = worker_of(2)
    again.take(1.0)
    first = again.take(9.0)
    again.at[2.0] = lambda: (again.leave(first), taken.append(again.take(12.0)))
    again.ends(overdue=1, lost=2, logged=2)
    assert taken == [first], "the same permit, another request"


def test_an_overdue_request_that_is_answered_after_all_is_overdue_and_not_lost(worker_of):
    worker = worker_of(2)
    late, other = worker.take(1.0), worker.take(9.0)
    worker.at[2.0] = lambda: (worker.leave(late), worker.leave(other))
    worker.ends(overdue=1, lost=0, logged=1)


def test_a_request_accepted_at_the_moment_of_the_stop_is_answered(worker_of):
    worker, late = worker_of(2), []
    worker.take(1.0)
    worker.at[1.25] = lambda: late.append(worker.take(9.0))
    worker.at[2.0] = lambda: worker.leave(*late)
    worker.ends(overdue=1, lost=1, logged=1)


def test_a_body_that_is_still_arriving_ends_with_the_worker_and_is_lost(worker_of):
    worker = worker_of(2)
    worker.take(1.0)
    worker.take(9.0, reading=object())
    worker.ends(overdue=1, lost=2, logged=2)


def test_a_connection_without_a_permit_is_not_counted(worker_of):
    worker = worker_of(2)
    worker.take(1.0)
    worker.nr_conns += 5
    worker.ends(overdue=1, lost=1, logged=1)
