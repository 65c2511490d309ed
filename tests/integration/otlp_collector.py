"""A collector of traces by OTLP over HTTP, which collects until the end of its block."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(ThreadingHTTPServer):
    """Keeps the spans it receives, each with the name of its service, and the versions of the services."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.spans: list[tuple[str, Any]] = []
        self.versions: set[str] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()

    def settings(self) -> dict[str, str]:
        """The variables that send the spans of a service here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}"}

    def keep(self, content: bytes) -> None:
        """Add the spans of a message."""
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            described = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.versions.add(described["service.version"])
            self.spans += [(described["service.name"], span) for scope in resource.scope_spans for span in scope.spans]


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keep(gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
