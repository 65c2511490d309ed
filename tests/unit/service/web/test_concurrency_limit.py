import io
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from schemas.faults import ProblemSchema
from service.scoring import service
from service.scoring.service import NotAtOnce
from service.web import concurrency_limit
from service.web.concurrency_limit import AT_ONCE
from tests.apps import samples


@pytest.fixture
def meanwhile(monkeypatch):
    """Have this called whenever a batch is scored, though not within itself; the list has what it returned."""

    def arrange(do):
        original, found, within = service.score_batch, [], []

        def score(*given):
            if not within:
                within.append(True)
                found.append(do())
                within.pop()
            return original(*given)

        monkeypatch.setattr(service, "score_batch", score)
        return found

    return arrange


def shed(client):
    return samples(client).get('delivery_risk_requests_shed_total{reason="busy"}', 0)


def test_a_request_over_the_limit_gets_503_and_when_to_retry_at_once_where_no_thread_would_be_left(
    make_client, order, meanwhile, monkeypatch
):
    monkeypatch.setattr(concurrency_limit, "WAIT_SECONDS", 3600)
    client = make_client(max_concurrent="1", threads="2")
    found = meanwhile(lambda: client.post("/score", json={"orders": [order]}))
    for _ in range(3):
        assert client.post("/score", json={"orders": [order]}).status_code == 200
    for answer in found:
        assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
        assert answer.headers["Retry-After"] == "1"
        assert ProblemSchema().load(answer.json)["type"] == "urn:delivery-risk:problem:unavailable"
    assert shed(client) == 3


def test_a_request_over_the_limit_waits_a_moment_for_a_permit(make_client, order, meanwhile, monkeypatch):
    monkeypatch.setattr(concurrency_limit, "WAIT_SECONDS", 20)
    client, waiting = make_client(max_concurrent="1", threads="3"), []

    def ask():
        return client.post("/score", json={"orders": [order]}).status_code

    def start_to_wait():
        if not waiting:
            waiting.append(threads.submit(ask))
            sleep(0.05)

    with ThreadPoolExecutor(1) as threads:
        meanwhile(start_to_wait)
        assert (ask(), waiting[0].result()) == (200, 200)
    monkeypatch.setattr(concurrency_limit, "WAIT_SECONDS", 0.05)
    meanwhile(lambda: waiting.append(ask()))
    assert ask() == 200
    assert (waiting[-1], shed(client)) == (503, 1)


def test_as_many_requests_as_the_limit_are_computed_at_once(make_client, order, meanwhile):
    client = make_client(max_concurrent="2")
    found = meanwhile(lambda: client.post("/score", json={"orders": [order]}).status_code)
    assert client.post("/score", json={"orders": [order]}).status_code == 200
    assert found == [200]
    assert shed(client) == 0


def test_a_request_that_computes_no_score_is_always_answered(make_client, order, meanwhile):
    client = make_client(max_concurrent="1")
    paths = ["/livez", "/readyz", "/metrics", "/model", "/version", "/openapi.json", "/docs"]
    found = meanwhile(lambda: [client.get(path).status_code for path in paths])
    client.post("/score", json={"orders": [order]})
    assert found == [[200] * len(paths)]


def test_a_permit_is_given_back_however_a_request_ends(make_client, order, monkeypatch):
    client = make_client(max_concurrent="1")
    kinds = [b"", b"{", b'{"orders": []}', b'{"orders": [{"order_id": "x"}]}']
    statuses = [client.post("/score", data=body, content_type="application/json").status_code for body in kinds]
    assert statuses == [411, 400, 422, 422]
    with monkeypatch.context() as patched:
        patched.setattr(service, "score_batch", lambda *_: 1 / 0)
        assert client.post("/score", json={"orders": [order]}).status_code == 500
    assert client.post("/score", json={"orders": [order]}).status_code == 200


def test_a_rejected_body_is_discarded_up_to_the_limit_and_no_further(make_client, order, meanwhile):
    client, stream = make_client(max_concurrent="1", max_body_bytes="3000000"), io.BytesIO(bytes(10_000_000))
    environ = {"CONTENT_LENGTH": "10000000", "wsgi.input": stream}
    found = meanwhile(lambda: client.post("/score", content_type="application/json", environ_overrides=environ).status_code)
    client.post("/score", json={"orders": [order]})
    assert found == [503]
    assert 3_000_000 <= stream.tell() < 3_000_000 + 2**20


def at_once(client, path, **given):
    return client.open(path, environ_overrides={AT_ONCE: True}, **given)


def test_a_request_is_answered_at_once_only_while_no_other_has_a_permit(make_client, order, meanwhile):
    client = make_client(max_concurrent="2")

    def ask():
        for path, given in (("/score", {"method": "POST", "json": {"orders": [order]}}), ("/livez", {})):
            with pytest.raises(NotAtOnce):
                at_once(client, path, **given)
        return client.get("/livez").status_code

    found = meanwhile(ask)
    assert client.post("/score", json={"orders": [order]}).status_code == 200
    assert found == [200]
    for _ in range(5):
        assert at_once(client, "/score", method="POST", json={"orders": [order]}).status_code == 200
        assert at_once(client, "/livez").status_code == 200
    assert shed(client) == 0


@pytest.mark.parametrize("orders", [[{}], [{"order_id": "a"}] * 2, []])
def test_a_batch_with_faults_is_not_answered_at_once_and_gives_back_its_permit(make_client, order, orders):
    client = make_client(max_concurrent="1")
    for _ in range(3):
        with pytest.raises(NotAtOnce):
            at_once(client, "/score", method="POST", json={"orders": orders})
    assert at_once(client, "/score", method="POST", json={"orders": [order]}).status_code == 200
    assert client.post("/score", json={"orders": orders}).status_code == 422
