"""Spans of a real server, sent to a collector."""

import socket
import time

import pytest

from service.telemetry import tracing
from service.telemetry.tracing import AnsweredRequest, Tracer
from service.version import VERSION
from tests.integration.load import orders
from tests.integration.otlp_collector import Collector
from tests.servers import ended, running

TRACE, PARENT, UNRECORDED = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "a" * 32
BODY, JSON = orders(1), {"Content-Type": "application/json"}


@pytest.fixture
def collector():
    with Collector() as started:
        yield started


def attributes(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


NAMES = [
    ({}, "delivery-risk", VERSION),
    ({"OTEL_SERVICE_NAME": "risk-east", "OTEL_TRACES_EXPORTER": "console, otlp"}, "risk-east", VERSION),
    ({"OTEL_SERVICE_NAME": "", "OTEL_TRACES_EXPORTER": "otlp"}, "delivery-risk", VERSION),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=risk-west,deployment.environment=test"}, "risk-west", VERSION),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.version=7", "OTEL_SERVICE_NAME": "b"}, "b", "7"),
]


@pytest.mark.parametrize(("names", "name", "version"), NAMES)
def test_spans_name_the_service_by_opentelemetrys_variables_or_its_own_name(collector, monkeypatch, names, name, version):
    given = collector.settings() | names
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    tracer = Tracer(given)
    tracer.start()
    tracer.answered({}, AnsweredRequest("POST", "/score", 200, 0.0, 0.1, (), {}), traced=True)
    tracer.stop()
    assert ({found for found, _ in collector.spans}, collector.versions) == ({name}, {version})


def test_a_request_and_its_stages_are_spans_of_the_callers_trace_unless_the_caller_does_not_record_it(collector):
    with running(**collector.settings(), DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_LOG_PROBES="yes") as server:
        server.call("POST", "/score?explain=all", BODY, JSON | {"traceparent": f"00-{TRACE}-{PARENT}-01"})
        server.call("POST", "/score", b"{}", JSON)
        server.call("POST", "/score", BODY, JSON | {"traceparent": f"00-{UNRECORDED}-{PARENT}-00"})
        server.call("GET", "/livez")
        lines = server.lines(count=4)
        began = time.monotonic()
        ended(server.process)
    assert time.monotonic() - began < 5, "spans are exported when the worker ends, without a wait"
    scored, *_ = (span for _, span in collector.spans if span.parent_span_id.hex() == PARENT)
    assert (scored.name, scored.trace_id.hex()) == ("POST /score", TRACE)
    assert attributes(scored)["http.response.status_code"] == 200
    assert attributes(scored)["delivery_risk.orders"] == attributes(scored)["delivery_risk.explained"] == 1
    stages = [span for _, span in collector.spans if span.parent_span_id == scored.span_id]
    assert [span.name for span in stages] == ["wait", "decode", "score", "explain", "encode"]
    times = [moment for span in stages for moment in (span.start_time_unix_nano, span.end_time_unix_nano)]
    assert sorted(times) == times
    assert scored.start_time_unix_nano <= times[0] <= times[-1] <= scored.end_time_unix_nano
    (rejected,) = (span for _, span in collector.spans if attributes(span).get("http.response.status_code") == 422)
    assert {name for name, _ in collector.spans} == {"delivery-risk"}
    assert len(collector.spans) == 8
    logged = [(line["status"], line["trace_id"]) for line in lines if line["route"] == "/score"]
    assert logged == [(200, TRACE), (422, rejected.trace_id.hex()), (200, UNRECORDED)]
    assert UNRECORDED not in {span.trace_id.hex() for _, span in collector.spans}


def test_neither_a_variable_that_opentelemetry_rejects_nor_a_lost_collector_costs_an_answer(collector):
    gone = collector.settings() | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    collector.shutdown()
    for more in ({}, {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "abc"}):
        with running(**gone, **more, DELIVERY_RISK_WORKERS="1") as server:
            for _ in range(20):
                assert server.call("POST", "/score", BODY, JSON)[0] == 200
            warnings = [line["level"] for line in server.lines("OpenTelemetry rejects its variables", len(more))]
            assert warnings == ["WARNING"] * len(more)


@pytest.mark.long
def test_a_collector_that_never_answers_does_not_keep_a_worker_from_its_end():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with running(**endpoint, DELIVERY_RISK_WORKERS="1") as server:
            assert server.call("POST", "/score", BODY, JSON)[0] == 200
            begun = time.monotonic()
            server.process.terminate()
            assert server.process.wait(30) == 0
            assert time.monotonic() - begun < tracing.LAST_SECONDS + 5  # OpenTelemetry's own patience is 10 s
            assert "SIGKILL" not in server.log()
