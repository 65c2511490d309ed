"""What a worker's end takes with it, in process; test_overstay.py has the real server."""

from types import SimpleNamespace

import pytest

from service import config
from service.metrics.recorder import Metrics
from service.server import watchdog
from service.shared.counters import SharedCounters
from service.web import concurrency_limit
from service.web.concurrency_limit import ConcurrencyLimit
from service.web.middleware import RequestContext


class Ended(BaseException):
    """The worker has exited."""


class Worker:
    """A worker's places and clock. `connections` are its open ones; `at` says what happens at which second."""

    def __init__(self, monkeypatch, log, places):
        self.log = log
        log.clear()
        settings = config.load({"DELIVERY_RISK_MAX_CONCURRENT": str(places), "DELIVERY_RISK_REQUEST_TIMEOUT_SECONDS": "10"})
        self.counters, self.now, self.at, self.nr_conns = SharedCounters(), 0.0, {}, 0
        self.metrics = Metrics(self.counters)
        self.admission = ConcurrencyLimit(settings, self.metrics)
        monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep))
        monkeypatch.setattr(concurrency_limit, "monotonic", lambda: self.now)
        monkeypatch.setattr(watchdog, "os", SimpleNamespace(kill=lambda *_: None, getpid=lambda: 0, _exit=self._exit))

    def take(self, until, reading=None, request_id="same"):
        place = self.admission.place({})
        place.record, place.until, place.reading = RequestContext(request_id), until, reading
        self.metrics.count("delivery_risk_requests_in_progress")
        self.nr_conns += 1
        return place

    def leave(self, place):
        place.__exit__(None, None, None)
        self.metrics.count("delivery_risk_requests_in_progress", amount=-1)
        self.nr_conns -= 1

    def killed(self):
        with pytest.raises(Ended):
            watchdog._watch(self.admission, self.metrics, self)
        self.metrics.ended()
        totals = self.counters.totals()
        return {
            "overdue": totals["delivery_risk_requests_overdue_total", "compute"].item(),
            "lost": totals[("delivery_risk_requests_lost_total",)].item(),
            "logged": len(self.log.records),
        }

    def _sleep(self, seconds):
        self.now += seconds
        for second in [second for second in self.at if second <= self.now]:
            self.at.pop(second)()

    def _exit(self, code):
        raise Ended


def test_each_request_that_overstays_is_counted_once_though_the_second_does_while_the_worker_ends(monkeypatch, caplog):
    worker = Worker(monkeypatch, caplog, 3)
    worker.take(1.0)
    worker.take(2.0)
    worker.take(50.0)
    assert worker.killed() == {"overdue": 2, "lost": 3, "logged": 3}


def test_what_is_answered_before_the_worker_exits_is_not_lost_and_what_took_its_place_is(monkeypatch, caplog):
    worker = Worker(monkeypatch, caplog, 3)
    worker.take(1.0)
    answered, taken = worker.take(9.0), []
    worker.at[2.0] = lambda: worker.leave(answered)
    assert worker.killed() == {"overdue": 1, "lost": 1, "logged": 1}

    worker = Worker(monkeypatch, caplog, 2)
    worker.take(1.0)
    answered = worker.take(9.0)
    worker.at[2.0] = lambda: (worker.leave(answered), taken.append(worker.take(12.0)))
    assert worker.killed() == {"overdue": 1, "lost": 2, "logged": 2}
    assert taken == [answered], "the same place, another request"


def test_what_overstays_and_is_answered_all_the_same_is_overdue_and_not_lost(monkeypatch, caplog):
    worker = Worker(monkeypatch, caplog, 2)
    late, other = worker.take(1.0), worker.take(9.0)
    worker.at[2.0] = lambda: (worker.leave(late), worker.leave(other))
    assert worker.killed() == {"overdue": 1, "lost": 0, "logged": 1}


def test_what_is_accepted_in_the_moment_in_which_the_worker_is_told_to_stop_is_answered(monkeypatch, caplog):
    worker, late = Worker(monkeypatch, caplog, 2), []
    worker.take(1.0)
    worker.at[1.25] = lambda: late.append(worker.take(9.0))
    worker.at[2.0] = lambda: worker.leave(*late)
    assert worker.killed() == {"overdue": 1, "lost": 1, "logged": 1}


def test_a_body_that_is_still_arriving_ends_with_the_worker_and_is_lost(monkeypatch, caplog):
    worker = Worker(monkeypatch, caplog, 2)
    worker.take(1.0)
    worker.take(9.0, reading=object())
    assert worker.killed() == {"overdue": 1, "lost": 2, "logged": 2}


def test_nothing_is_counted_that_has_no_place(monkeypatch, caplog):
    worker = Worker(monkeypatch, caplog, 2)
    worker.take(1.0)
    worker.nr_conns += 5
    assert worker.killed() == {"overdue": 1, "lost": 1, "logged": 1}
