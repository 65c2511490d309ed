"""The framing probes through the real nginx, in front of the real service."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.framing import PROBES, exchange

pytestmark = pytest.mark.deploy

WAITING = [probe for probe in PROBES if probe.waits]
CORRECTED = [probe for probe in PROBES if 200 in probe.behind]
REJECTED = [probe for probe in PROBES if probe.behind and probe not in CORRECTED + WAITING]


def all_at_once(nginx, probes):
    """The answer to each probe and the statuses logged for it, by its name."""
    addresses = {probe.name: f"127.0.1.{number}" for number, probe in enumerate(PROBES, 1) if probe in probes}

    def send(probe):
        return probe.name, exchange(nginx.port, probe.request, addresses[probe.name], half_closed=not probe.waits)

    with ThreadPoolExecutor(len(probes)) as threads:
        received = dict(threads.map(send, probes, timeout=30))
    lines = nginx.log_lines(lambda line: line["client"] in addresses.values(), len(received))
    logged = {name: [line["status"] for line in lines if line["client"] == address] for name, address in addresses.items()}
    return {name: (answer, logged[name]) for name, answer in received.items()}


def assert_rejected(probe, answer, logged):
    """The first answer, or the log if there is none, has an expected status; all others are 4xx or expected."""
    assert logged
    assert answer.statuses or not answer.received
    assert {*answer.statuses[:1]} <= {*probe.behind}
    assert answer.statuses or {*logged} <= {*probe.behind}
    assert all(400 <= status < 500 or status in probe.behind for status in (*answer.statuses, *logged))


@pytest.fixture(scope="module")
def probed(service, nginx):
    before = service.orders()
    found = all_at_once(nginx, REJECTED)
    assert service.orders() == before
    return found


@pytest.mark.parametrize("probe", REJECTED, ids=[probe.name for probe in REJECTED])
def test_a_request_with_invalid_framing_is_rejected_or_gets_no_answer(probed, probe):
    answer, logged = probed[probe.name]
    assert_rejected(probe, answer, logged)
    assert len(re.findall(rb"HTTP/1\.1 [45]", answer.received)) == answer.received.count(b"application/problem+json")


@pytest.mark.parametrize("probe", CORRECTED, ids=[probe.name for probe in CORRECTED])
def test_a_request_with_unusual_framing_that_nginx_accepts_is_scored_once(service, nginx, probe):
    before = service.orders()
    answer = exchange(nginx.port, probe.request)
    assert (answer.statuses, answer.received.count(b'"score":')) == ((200,), 1)
    assert service.orders() == before + 1


def test_http_0_9_gets_only_a_body(nginx):
    (probe,) = (probe for probe in PROBES if not probe.behind)
    assert (probe.name, exchange(nginx.port, probe.request).received) == ("HTTP/0.9", b'{"status":"ok"}')


@pytest.mark.long
def test_connections_that_stop_in_the_middle_of_a_body_are_closed(service, nginx):
    before = service.orders()
    found = all_at_once(nginx, WAITING)
    for probe in WAITING:
        assert_rejected(probe, *found[probe.name])
        assert 9 < found[probe.name][0].seconds < 20
    assert service.orders() == before
