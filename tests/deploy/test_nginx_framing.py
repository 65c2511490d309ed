"""The probes of framing through the real nginx, in front of the real service."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.framing import PROBES, exchange

pytestmark = pytest.mark.deploy


WAITING = [probe for probe in PROBES if probe.waits]
MENDED = [probe for probe in PROBES if 200 in probe.behind]
REFUSED = [probe for probe in PROBES if probe.behind and probe not in MENDED + WAITING]


def all_at_once(proxy, probes):
    """By the probe's name: what came back for it, and the statuses that were logged of it."""
    addresses = {probe.name: f"127.0.1.{number}" for number, probe in enumerate(PROBES, 1)}
    with ThreadPoolExecutor(len(probes)) as threads:
        waiting = {
            probe.name: threads.submit(exchange, proxy.port, probe.request, addresses[probe.name], half_closed=not probe.waits)
            for probe in probes
        }
        received = {name: found.result(timeout=30) for name, found in waiting.items()}
    lines = proxy.lines(lambda line: line["client"] in addresses.values(), len(received))
    return {
        name: (answer, [line["status"] for line in lines if line["client"] == addresses[name]])
        for name, answer in received.items()
    }


def orders_counted(service):
    return sum(value for name, value in service.metrics().items() if name.startswith("delivery_risk_orders_total"))


def assert_refused(probe, answer, logged):
    """The first answer is the expected one, or it is logged where none came; what else came of the bytes is a 4xx."""
    assert logged
    assert answer.statuses or not answer.received
    assert {*answer.statuses[:1]} <= {*probe.behind}
    assert answer.statuses or {*logged} <= {*probe.behind}
    assert all(400 <= status < 500 or status in probe.behind for status in (*answer.statuses, *logged))


@pytest.fixture(scope="module")
def probed(service, proxy):
    before = orders_counted(service)
    found = all_at_once(proxy, REFUSED)
    assert orders_counted(service) == before
    return found


@pytest.mark.parametrize("probe", REFUSED, ids=[probe.name for probe in REFUSED])
def test_a_request_whose_framing_is_wrong_is_refused_or_gets_no_answer_at_all(probed, probe):
    answer, logged = probed[probe.name]
    assert_refused(probe, answer, logged)
    assert len(re.findall(rb"HTTP/1\.1 [45]", answer.received)) == answer.received.count(b"application/problem+json")


@pytest.mark.parametrize("probe", MENDED, ids=[probe.name for probe in MENDED])
def test_unusual_framing_that_nginx_takes_is_taken_whole_and_scored_once(service, proxy, probe):
    before = orders_counted(service)
    answer = exchange(proxy.port, probe.request)
    assert (answer.statuses, answer.received.count(b'"score":')) == ((200,), 1)
    assert orders_counted(service) == before + 1


def test_of_http_0_9_comes_the_bare_document(proxy):
    (probe,) = (probe for probe in PROBES if not probe.behind)
    assert (probe.name, exchange(proxy.port, probe.request).received) == ("HTTP/0.9", b'{"status":"ok"}')


@pytest.mark.long
def test_those_who_wait_in_the_middle_of_a_body_are_let_go(service, proxy):
    before = orders_counted(service)
    found = all_at_once(proxy, WAITING)
    for probe in WAITING:
        assert_refused(probe, *found[probe.name])
        assert 9 < found[probe.name][0].seconds < 20
    assert orders_counted(service) == before
