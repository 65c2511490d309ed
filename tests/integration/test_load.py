"""The real server under load: every request's outcome is counted."""

import logging
import signal
import time
from functools import partial

import pytest

from tests.integration import load
from tests.servers import running

FIGURES = logging.getLogger("figures")
ONE = load.post(load.orders(1))
THOUSAND = load.post(load.orders(1000))
CLIENTS = 4  # sending batches of 1,000 without a pause they take all that two workers have


def until(seconds):
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() < end


@pytest.mark.parametrize(("reloads", "requests"), [(1, 500), pytest.param(8, 15_000, marks=pytest.mark.long)])
def test_renewing_all_workers_loses_no_request(reloads, requests):
    with running(**load.ROOM) as server:
        server.all_workers(2)
        finished = []
        going = partial(lambda share, outcomes: not finished or outcomes.sent < share, requests // 8 + 1)
        loads = [load.Load(server.port, ONE, 4, going, fresh, pause=0.002) for fresh in (False, True)]
        for _ in range(reloads):
            before = set(server.all_workers(2))
            server.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 30
            while len(now := set(server.workers())) != 2 or before & now:
                assert time.monotonic() < deadline, server.log()
                time.sleep(0.02)
            time.sleep(0.2)
        finished.append(True)
        found = [one.outcomes() for one in loads]
    FIGURES.info("%d reloads: %s", reloads, [one.statuses for one in found])
    assert [(one.failures, set(one.statuses)) for one in found] == [({}, {200})] * 2
    assert sum(one.sent for one in found) >= requests


@pytest.mark.parametrize("seconds", [1, pytest.param(8, marks=pytest.mark.long)])
def test_ten_times_the_load_that_it_can_take_is_refused_in_part_and_the_rest_answered_in_time(seconds):
    with running() as server:
        server.all_workers(2)
        alone = load.Load(server.port, THOUSAND, 1, until(seconds / 3)).outcomes()
        crowd = load.Load(server.port, THOUSAND, 10 * CLIENTS, until(seconds))
        probes = []
        for _ in range(16):
            probes.append(server.call("GET", "/readyz")[0])
            time.sleep(seconds / 20)
        found = crowd.outcomes()
        after = load.Load(server.port, THOUSAND, CLIENTS, until(seconds / 3)).outcomes()
        shed = server.metrics()['delivery_risk_requests_shed_total{reason="busy"}']
    FIGURES.info("unloaded: %s, p99 %.1f ms", alone.statuses, alone.share(0.99) * 1000)
    FIGURES.info("ten times: %s, p99 %.1f ms; afterwards %s", found.statuses, found.share(0.99) * 1000, after.statuses)
    assert found.failures == after.failures == {}
    assert set(found.statuses) == {200, 503}
    assert found.statuses[503] == shed
    assert found.share(0.99) <= max(1.0, 5 * alone.share(0.99))
    assert probes == [200] * 16
    assert set(after.statuses) == {200}
