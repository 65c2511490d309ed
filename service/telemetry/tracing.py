"""Tracing: the trace that a request belongs to (W3C Trace Context) and, with the extra `otel`, its spans over OTLP.

Spans are made after the answer, from timings that are taken anyway: one for the request and one for each of its stages.
OpenTelemetry's own variables configure the endpoint (OTEL_EXPORTER_OTLP_ENDPOINT), the sampling and the service name.
Without an endpoint, or with an exporter other than otlp, no spans are made. A background thread exports them.
"""

import importlib.util
import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from service.telemetry.request_context import Timing
from service.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
LAST_SECONDS = 2.0
"""Seconds that a worker waits for the collector when it exits."""

_PROTOCOL = "http/protobuf"
_log = logging.getLogger("delivery_risk.tracing")


class NotExported(Exception):
    """Spans are configured but cannot be exported; the message says why."""


def unsupported(environ: Mapping[str, str]) -> Iterator[str]:
    """What these variables configure that the service does not support."""
    if not _wanted(environ):
        return
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if environ.get(name, _PROTOCOL) not in ("", _PROTOCOL):
            yield f"{name} names another protocol; spans are exported by {_PROTOCOL}"
    if "tracecontext" not in environ.get("OTEL_PROPAGATORS", "tracecontext"):
        yield "OTEL_PROPAGATORS does not name tracecontext; only the traceparent header is read"


def exporting(environ: Mapping[str, str]) -> "TracerProvider | None":
    """The exporter that these variables configure, or None where they configure none. Raises NotExported."""
    if not _wanted(environ):
        return None
    exporters = {name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")} - {""}
    if exporters and "otlp" not in exporters:
        raise NotExported("OTEL_TRACES_EXPORTER does not name otlp")
    if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise NotExported("the extra otel is not installed")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {"service.name": "delivery-risk", "service.version": VERSION}
        resource = Resource.create({**named, **OTELResourceDetector().detect().attributes})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except Exception as error:  # OpenTelemetry raises many kinds of errors for its variables
        raise NotExported(f"OpenTelemetry rejects its variables ({type(error).__name__}: {error})") from error
    return provider


def _wanted(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in ENDPOINTS) and environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


class AnsweredRequest(msgspec.Struct, frozen=True, eq=False):
    """A request that is answered: `started` on the performance counter, and its duration in `seconds`."""

    method: str
    route: str
    status: int
    started: float
    seconds: float
    timings: Sequence[Timing]
    notes: Mapping[str, Any]


class Tracer:
    """Finds the trace of each request. Once started, it exports spans if these variables name an endpoint."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._provider: TracerProvider | None = None

    def start(self) -> None:
        """Export spans from now on. Call it in a worker: threads do not survive a fork."""
        for message in unsupported(self._environ):
            _log.warning(message)
        try:
            self._provider = exporting(self._environ)
        except NotExported as error:
            _log.warning(f"no spans are exported: {error}")

    def stop(self) -> None:
        """Export the remaining spans, if the collector accepts them in time."""
        if self._provider is not None:
            last = threading.Thread(target=self._provider.shutdown, daemon=True)
            last.start()
            last.join(LAST_SECONDS)

    def answered(self, environ: Mapping[str, Any], request: AnsweredRequest, *, traced: bool) -> str | None:
        """Export the request's spans if it is `traced`, and return the id of its trace, None where it has none."""
        if self._provider is None or not traced:
            given = environ.get("HTTP_TRACEPARENT")
            parent = _PARENT.fullmatch(given) if given else None
            return parent[1] if parent else None
        from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {name: environ.get(f"HTTP_{name.upper()}", "") for name in ("traceparent", "tracestate")}
        began = time.time_ns() - int(request.seconds * 1e9)
        tracer = self._provider.get_tracer("delivery_risk", VERSION)
        span = tracer.start_span(
            f"{request.method} {request.route}",
            TraceContextTextMapPropagator().extract(carrier),
            SpanKind.SERVER,
            {
                "http.request.method": request.method,
                "http.route": request.route,
                "http.response.status_code": request.status,
                **{f"delivery_risk.{name}": value for name, value in request.notes.items() if not isinstance(value, dict)},
            },
            start_time=began,
        )
        for name, begin, end in request.timings:
            stage = tracer.start_span(name, set_span_in_context(span), start_time=began + int((begin - request.started) * 1e9))
            stage.end(began + int((end - request.started) * 1e9))
        if request.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + int(request.seconds * 1e9))
        return format_trace_id(span.get_span_context().trace_id)
