import logging

import pytest

from service.telemetry import tracing
from service.telemetry.tracing import AnsweredRequest, Tracer

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
REQUEST = AnsweredRequest("POST", "/score", 200, 0.0, 0.1, (), {})
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.fixture
def started(caplog, monkeypatch):
    """Start a tracer under these variables, which exports nothing; the messages it logs."""
    caplog.set_level(logging.INFO, "delivery_risk.tracing")

    def start(environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        tracer = Tracer(environ)
        tracer.start()
        assert tracer.answered({}, REQUEST, traced=True) is None
        return [record.message for record in caplog.records]

    return start


@pytest.mark.parametrize(
    "given",
    [
        *("", "x", f"00-{TRACE}-{PARENT}", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01"),
        *(f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01\n"),
    ],
)
def test_an_invalid_traceparent_is_ignored(given):
    assert Tracer({}).answered({"HTTP_TRACEPARENT": given}, REQUEST, traced=True) is None


def test_without_an_exporter_a_request_keeps_the_trace_of_its_caller():
    assert Tracer({}).answered({"HTTP_TRACEPARENT": f"00-{TRACE}-{PARENT}-00"}, REQUEST, traced=True) == TRACE


@pytest.mark.parametrize("environ", [{}, ENDPOINT | {"OTEL_SDK_DISABLED": "true"}])
def test_nothing_is_exported_or_logged_unless_it_is_asked_for(environ, started):
    assert started(environ) == []


def test_an_endpoint_without_the_extra_is_reported(monkeypatch, started):
    monkeypatch.setattr(tracing.importlib.util, "find_spec", lambda _: None)
    assert started(ENDPOINT) == ["no spans are exported: the extra otel is not installed"]


@pytest.mark.parametrize("exporter", ["none", "console", "zipkin , none"])
def test_another_exporter_is_reported_once_and_not_replaced(exporter, started):
    message = "no spans are exported: OTEL_TRACES_EXPORTER does not name otlp"
    assert started(ENDPOINT | {"OTEL_TRACES_EXPORTER": exporter}) == [message]


def test_a_variable_that_opentelemetry_rejects_is_reported(started):
    (message,) = started(ENDPOINT | {"OTEL_BSP_MAX_QUEUE_SIZE": "10"})
    assert message.startswith("no spans are exported: OpenTelemetry rejects its variables")


PROTOCOL, TRACES_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        *(({PROTOCOL: "grpc"}, [PROTOCOL]), ({TRACES_PROTOCOL: "http/json"}, [TRACES_PROTOCOL])),
        ({"OTEL_PROPAGATORS": "b3,jaeger"}, ["OTEL_PROPAGATORS"]),
        ({"OTEL_PROPAGATORS": "b3", PROTOCOL: "grpc"}, [PROTOCOL, "OTEL_PROPAGATORS"]),
        *(({"OTEL_PROPAGATORS": "baggage,tracecontext", PROTOCOL: "http/protobuf"}, []), ({PROTOCOL: ""}, [])),
    ],
)
def test_an_unsupported_protocol_or_propagator_is_reported_where_spans_are_wanted(given, names):
    messages = list(tracing.unsupported(ENDPOINT | given))
    assert [[name for name in given if name in message] for message in messages] == [[name] for name in names]
    assert list(tracing.unsupported(given)) == []
