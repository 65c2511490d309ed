"""Tracing: a request's place in a trace (W3C Trace Context), and with the extra `otel` its spans, exported over OTLP.

A span is made when its request is answered, from the times that were taken anyway, so nothing waits for it: one for the
request and one for each of its stages. OpenTelemetry's own variables say where spans go (OTEL_EXPORTER_OTLP_ENDPOINT), which
are sampled, and what the service is called; without an endpoint, or with an exporter other than otlp, there are none. A thread
of its own exports them.
"""

import importlib.util
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from service.metrics.recorder import Stages
from service.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
LAST_SECONDS = 2.0
"""How long a worker that ends waits for a collector."""

_PROTOCOL = "http/protobuf"
_UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})
_log = logging.getLogger("delivery_risk.tracing")


class Unexported(Exception):
    """Spans are wanted and cannot be exported; the message says why."""


def doubts(environ: Mapping[str, str]) -> Iterator[str]:
    """What these variables ask of spans that is not done."""
    if not _wanted(environ):
        return
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if environ.get(name, _PROTOCOL) not in ("", _PROTOCOL):
            yield f"spans are exported by {_PROTOCOL}: {name} asks for another protocol"
    if "tracecontext" not in environ.get("OTEL_PROPAGATORS", "tracecontext"):
        yield "a caller's trace is told by traceparent alone: OTEL_PROPAGATORS does not name tracecontext"


def exporting(environ: Mapping[str, str]) -> "TracerProvider | None":
    """What exports spans as these variables say, None where they want none. Raises Unexported."""
    if not _wanted(environ):
        return None
    exporters = {name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")} - {""}
    if exporters and "otlp" not in exporters:
        raise Unexported("OTEL_TRACES_EXPORTER has no otlp")
    if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise Unexported("the extra otel is not installed")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {"service.name": "delivery-risk", "service.version": VERSION}
        resource = Resource.create({**named, **OTELResourceDetector().detect().attributes})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except Exception as error:  # whatever OpenTelemetry makes of variables of its own
        raise Unexported(f"OpenTelemetry refuses its variables ({type(error).__name__}: {error})") from error
    return provider


def _wanted(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in ENDPOINTS) and environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


class Answered(NamedTuple):
    """A request that is answered: `started` on the performance counter, its duration in `seconds`, and what is known of it."""

    method: str
    route: str
    status: int
    started: float
    seconds: float
    stages: Stages
    notes: Mapping[str, Any]


class Tracer:
    """Tells the trace of each request; once started, in a worker, it exports spans if these variables name an endpoint."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._provider: TracerProvider | None = None

    def start(self) -> None:
        """Export spans from now on. To be called in a worker: a thread does not survive a fork."""
        for said in doubts(self._environ):
            _log.warning(said)
        try:
            self._provider = exporting(self._environ)
        except Unexported as error:
            _log.warning(f"no spans are exported: {error}")

    def stop(self) -> None:
        """Export what is left, if the collector takes it soon enough."""
        if self._provider is not None:
            last = threading.Thread(target=self._provider.shutdown, daemon=True)
            last.start()
            last.join(LAST_SECONDS)

    def answered(self, headers: Mapping[str, Any], request: Answered) -> str | None:
        """The id of the request's trace, if it is in one; `headers` are those of its WSGI environ."""
        if self._provider is None or request.route in _UNTRACED:
            parent = _PARENT.fullmatch(headers.get("HTTP_TRACEPARENT", ""))
            return parent[1] if parent else None
        return self._export(self._provider, headers, request)

    def _export(self, provider: "TracerProvider", headers: Mapping[str, Any], request: Answered) -> str:
        from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {name: headers.get(f"HTTP_{name.upper()}", "") for name in ("traceparent", "tracestate")}
        began = time.time_ns() - int(request.seconds * 1e9)
        tracer = provider.get_tracer("delivery_risk", VERSION)
        span = tracer.start_span(
            f"{request.method} {request.route}",
            TraceContextTextMapPropagator().extract(carrier),
            SpanKind.SERVER,
            {
                "http.request.method": request.method,
                "http.route": request.route,
                "http.response.status_code": request.status,
                **{f"delivery_risk.{name}": value for name, value in request.notes.items()},
            },
            start_time=began,
        )
        for name, begin, end in request.stages:
            stage = tracer.start_span(name, set_span_in_context(span), start_time=began + int((begin - request.started) * 1e9))
            stage.end(began + int((end - request.started) * 1e9))
        if request.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + int(request.seconds * 1e9))
        return format_trace_id(span.get_span_context().trace_id)
