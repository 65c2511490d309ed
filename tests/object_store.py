"""An object store on this machine: moto's server for S3, and a proxy before it that fails as real ones do."""

import http.client
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

import boto3

from tests.servers import ended, free_port, until

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "example",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "orders"
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
_HOP = {"connection", "transfer-encoding", "keep-alive"}

Asked = Callable[[str, str], bool]
"""Whether a request, its method and its path with the query, is meant."""


@dataclass
class Faults:
    """What the proxy does to requests that are meant, as often as `times`.

    `throttled` are answered by 503, `broken` are reset within their body, and `held` wait until they are `released`.
    """

    throttled: Asked | None = None
    broken: Asked | None = None
    held: Asked | None = None
    times: int = 2**30
    keys: int | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    holding: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def meant(self, asked: Asked | None, method: str, path: str) -> bool:
        """Whether a request is, and it is not too often."""
        if asked is None or not asked(method, path) or self.times <= 0:
            return False
        self.times -= 1
        return True


@dataclass
class Store:
    """A running store: the port of the proxy, and that of the server behind it. `faults` may be replaced."""

    port: int
    behind: int
    faults: Faults = field(default_factory=Faults)

    def url(self, path: str) -> str:
        """The URL of a folder in the bucket, by way of the proxy."""
        return f"s3://{BUCKET}/{path}?endpoint_override=127.0.0.1:{self.port}&scheme=http"

    def client(self) -> Any:
        """A client of the server itself, by another library."""
        return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.behind}")

    def objects(self, folder: str) -> dict[str, bytes]:
        """All objects in a folder, by the rest of their names."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{folder}/")
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key[len(folder) + 1 :]: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def put(self, folder: str, objects: dict[str, bytes]) -> None:
        """Write objects, by the rest of their names."""
        client = self.client()
        for name, data in objects.items():
            client.put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=data)

    def uploads(self) -> list[str]:
        """The names of uploads of several parts that are not complete."""
        return [each["Key"] for each in self.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]


@contextmanager
def object_store() -> Iterator[Store]:
    """A store with an empty bucket, until the block ends."""
    behind = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(behind)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | CREDENTIALS)
    try:
        assert until(lambda: _answers(behind), 60)
        with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
            store = Store(server.server_port, behind)
            server.store = store
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            try:
                store.client().create_bucket(Bucket=BUCKET)
                yield store
            finally:
                server.shutdown()
    finally:
        ended(process)


def _answers(port: int) -> bool:
    with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/moto-api/data.json")
        return connection.getresponse().status == 200
    return False


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _forward(self) -> None:
        store: Store = self.server.store
        faults, pieces = store.faults, self._pieces()
        faults.requests.append((self.command, self.path))
        if faults.meant(faults.broken, self.command, self.path):
            next(pieces, b"")
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        body = b"".join(pieces)
        if faults.meant(faults.throttled, self.command, self.path):
            self._answer(503, {"Content-Type": "application/xml"}, _SLOW_DOWN)
            return
        if faults.meant(faults.held, self.command, self.path):
            faults.holding.set()
            faults.released.wait(60)
        with closing(http.client.HTTPConnection("127.0.0.1", store.behind, timeout=60)) as connection:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in {*_HOP, "expect"}}
            connection.request(self.command, self._path(faults.keys), body, headers)
            response = connection.getresponse()
            self._answer(response.status, dict(response.getheaders()), response.read())

    def _pieces(self) -> Iterator[bytes]:
        """The body, in two halves or in the chunks in which it is sent."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            size = int(self.headers.get("Content-Length") or 0)
            yield self.rfile.read(size // 2)
            yield self.rfile.read(size - size // 2)
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _path(self, keys: int | None) -> str:
        path, _, query = self.path.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        if keys is None or given.get("list-type") != "2":
            return self.path
        return f"{path}?{urlencode(given | {'max-keys': str(keys)})}"

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        with suppress(ConnectionError):
            self.send_response_only(status)
            length = {} if self.command == "HEAD" or status == 204 else {"Content-Length": str(len(body))}
            kept = {name: value for name, value in headers.items() if name.lower() not in {*_HOP, *map(str.lower, length)}}
            for name, value in (kept | length).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815
