import json
import logging
import socket
import time
from typing import Any

import pytest

from service.telemetry import tracing
from service.telemetry.tracing import Answered, Tracer
from service.version import VERSION
from tests.integration.otlp_collector import collecting
from tests.servers import ended, running

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
UNRECORDED = "a" * 32
REQUEST = Answered("POST", "/score", 200, 0.0, 0.1, (), {})
BODY = b'{"orders": [{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}]}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def collector():
    with collecting() as started:
        yield started


def exporting(collector):
    return collector.settings() | {"WEB_CONCURRENCY": "1"}


def attributes(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def log_of(server):
    return [json.loads(line) for line in server.log().splitlines() if line.startswith("{") and '"request"' in line]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        f"00-{TRACE}-{PARENT}",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
    ],
)
def test_what_is_no_trace_parent_is_no_trace(given):
    assert Tracer({}).answered({"HTTP_TRACEPARENT": given}, REQUEST) is None


def test_the_log_line_tells_the_trace_that_the_caller_is_in():
    assert Tracer({}).answered({"HTTP_TRACEPARENT": f"00-{TRACE}-{PARENT}-00"}, REQUEST) == TRACE


def test_an_endpoint_without_the_extra_is_said_and_harmless(monkeypatch, caplog):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    tracer = Tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    tracer.start()
    assert "the extra otel is not installed" in caplog.text
    assert tracer.answered({}, REQUEST) is None


@pytest.mark.parametrize("environ", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}])
def test_nothing_is_exported_unless_it_is_asked_for(environ):
    tracer = Tracer(environ)
    tracer.start()
    assert tracer.answered({}, REQUEST) is None


@pytest.mark.parametrize("exporter", ["none", "console", "zipkin , none"])
def test_another_exporter_is_not_ours_to_replace_and_it_is_said_once(exporter, caplog):
    caplog.set_level(logging.INFO, "delivery_risk.tracing")
    tracer = Tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": exporter})
    tracer.start()
    assert tracer.answered({}, REQUEST) is None
    assert [record.message for record in caplog.records] == ["no spans are exported: OTEL_TRACES_EXPORTER has no otlp"]


NAMES = [
    ({}, "delivery-risk", VERSION),
    ({"OTEL_SERVICE_NAME": "risk-east", "OTEL_TRACES_EXPORTER": "console, otlp"}, "risk-east", VERSION),
    ({"OTEL_SERVICE_NAME": "", "OTEL_TRACES_EXPORTER": "otlp"}, "delivery-risk", VERSION),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=risk-west,deployment.environment=test"}, "risk-west", VERSION),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,service.version=7", "OTEL_SERVICE_NAME": "b"}, "b", "7"),
]


@pytest.mark.parametrize(("names", "name", "version"), NAMES)
def test_the_service_is_called_as_opentelemetrys_variables_say_and_else_by_its_own_name(
    collector, monkeypatch, names, name, version
):
    given = exporting(collector) | names
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    tracer = Tracer(given)
    tracer.start()
    tracer.answered({}, REQUEST)
    tracer.stop()
    assert {found for found, _ in collector.spans} == {name}
    assert collector.versions == {version}


ENDPOINT: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ["OTEL_EXPORTER_OTLP_PROTOCOL"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"]),
        ({"OTEL_PROPAGATORS": "b3,jaeger"}, ["OTEL_PROPAGATORS"]),
        (
            {"OTEL_PROPAGATORS": "b3", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_PROPAGATORS"],
        ),
        ({"OTEL_PROPAGATORS": "baggage,tracecontext", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, []),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": ""}, []),
    ],
)
def test_what_is_asked_of_spans_and_not_done_is_said(given, said):
    assert [doubt.partition("OTEL")[2].split()[0].strip(":") for doubt in tracing.doubts(ENDPOINT | given)] == [
        name.removeprefix("OTEL") for name in said
    ]
    assert list(tracing.doubts(given)) == [], "where no spans are wanted"


@pytest.mark.parametrize(("name", "value"), [("OTEL_BSP_MAX_QUEUE_SIZE", "10"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc")])
def test_a_variable_that_opentelemetry_refuses_costs_the_spans_and_no_answer(name, value):
    with running(**ENDPOINT, **{name: value}, DELIVERY_RISK_WORKERS="1") as server:
        assert server.call("POST", "/score", BODY, JSON)[0] == 200
        (said,) = [json.loads(line) for line in server.log().splitlines() if "no spans are exported" in line]
        assert (said["level"], "OpenTelemetry refuses its variables" in said["message"]) == ("WARNING", True)


@pytest.mark.long
def test_a_collector_that_never_answers_does_not_keep_a_worker_from_its_end():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with running(**endpoint, DELIVERY_RISK_WORKERS="1") as server:
            assert server.call("POST", "/score", BODY, JSON)[0] == 200
            begun = time.monotonic()
            server.process.terminate()
            assert server.process.wait(30) == 0
            assert time.monotonic() - begun < tracing.LAST_SECONDS + 5  # OpenTelemetry's own patience is 10 s
            assert "SIGKILL" not in server.log()


def test_a_request_and_its_stages_are_spans_of_the_callers_trace_unless_the_caller_does_not_record_it(collector):
    with running(**exporting(collector)) as server:
        server.call("POST", "/score", BODY, JSON | {"traceparent": f"00-{TRACE}-{PARENT}-01"})
        server.call("POST", "/score", b"{}", JSON)
        server.call("POST", "/score", BODY, JSON | {"traceparent": f"00-{UNRECORDED}-{PARENT}-00"})
        server.call("GET", "/livez")
        lines = log_of(server)
        began = time.monotonic()
        ended(server.process)
    assert time.monotonic() - began < 5, "spans are exported when the worker ends, without a wait"
    scored, *_ = (span for _, span in collector.spans if span.parent_span_id.hex() == PARENT)
    assert (scored.name, scored.trace_id.hex()) == ("POST /score", TRACE)
    assert attributes(scored)["http.response.status_code"] == 200
    assert attributes(scored)["delivery_risk.orders"] == 1
    stages = [span for _, span in collector.spans if span.parent_span_id == scored.span_id]
    assert [span.name for span in stages] == ["wait", "decode", "score", "encode"]
    times = [moment for span in stages for moment in (span.start_time_unix_nano, span.end_time_unix_nano)]
    assert sorted(times) == times
    assert scored.start_time_unix_nano <= times[0] <= times[-1] <= scored.end_time_unix_nano
    (refused,) = (span for _, span in collector.spans if attributes(span).get("http.response.status_code") == 422)
    assert {name for name, _ in collector.spans} == {"delivery-risk"}
    assert len(collector.spans) == 7
    told = [(line["status"], line["trace_id"]) for line in lines if line["route"] == "/score"]
    assert told == [(200, TRACE), (422, refused.trace_id.hex()), (200, UNRECORDED)]
    assert UNRECORDED not in {span.trace_id.hex() for _, span in collector.spans}


def test_a_collector_that_is_gone_costs_no_answer(collector):
    gone = exporting(collector) | {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    collector.shutdown()
    with running(**gone) as server:
        for _ in range(20):
            assert server.call("POST", "/score", BODY, JSON)[0] == 200
