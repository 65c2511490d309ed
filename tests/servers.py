"""Real servers for tests: on free ports of 127.0.0.1, bounded in time, killed by process id at the end of their block."""

import errno
import http.client
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.facts import ROOT

SERVE = [str(Path(sys.executable).with_name("delivery-risk")), "serve"]
GUNICORN = [str(Path(sys.executable).with_name("gunicorn")), "-c", "deploy/gunicorn.conf.py", "service.wsgi:app"]
SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]
_OWNED: list[socket.socket] = []  # names of ports, owned until this process ends
_ADDRESS = re.compile(r"Listening at:? http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Client:
    """A client of the service on a port of this machine, with a token if one is given."""

    port: int
    token: str | None = field(default=None, kw_only=True)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a new connection; its status, headers in lower case and body."""
        shown = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, shown | (headers or {}))
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()

    def score(self, orders: list[dict[str, Any]]) -> dict[str, Any]:
        """The answer to a batch, which must have status 200."""
        body = json.dumps({"orders": orders}).encode()
        status, _, answer = self.call("POST", "/score", body, {"Content-Type": "application/json"})
        assert status == 200, answer[:500]
        return json.loads(answer)

    def metrics(self) -> dict[str, float]:
        """The samples of a scrape: value by name with labels."""
        status, _, text = self.call("GET", "/metrics")
        assert status == 200, (status, text[:500])
        return read_metrics(text.decode())

    def orders(self) -> float:
        """The number of orders that a scrape shows as answered."""
        return sum(value for name, value in self.metrics().items() if name.startswith("delivery_risk_orders_total"))


@dataclass(frozen=True)
class Server(Client):
    """A running service: its port, its master process, its output file and the workers that were killed."""

    process: subprocess.Popen[bytes]
    output: Path
    killed: list[int] = field(default_factory=list, init=False)

    def workers(self) -> list[int]:
        """The process ids of the workers, and of those that have ended and that the master has not yet seen ended."""
        return _children(self.process.pid)

    def all_workers(self, count: int) -> list[int]:
        """The process ids of the workers once there are `count` of them."""
        return self.renewed([], count)

    def renewed(self, before: Iterable[int], count: int) -> list[int]:
        """The process ids of the workers once there are `count` of them and none of those before lives."""
        deadline = time.monotonic() + 30
        while len(found := self.workers()) < count or set(before) & set(found):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)
        return found

    def kill_worker(self, count: int) -> int:
        """Kill a worker once there are `count` of them that were not killed; its process id."""
        killed = random.choice(self.renewed(self.killed, count))
        self.killed.append(killed)
        os.kill(killed, signal.SIGKILL)
        return killed

    def log(self) -> str:
        """The output so far."""
        return self.output.read_text()

    def lines(self, text: str = '"request"', count: int = 1) -> list[dict[str, Any]]:
        """The JSON log lines that contain this text, by default the access log, once there are `count` of them.

        The service may write the log line of a request after it has sent the answer.
        """
        found: list[str] = []

        def all_written() -> bool:
            found[:] = [line for line in self.log().splitlines() if line.startswith("{") and text in line]
            return len(found) >= count

        assert until(all_written), self.log()
        return [json.loads(line) for line in found]


def absent(reason: str) -> None:
    """Skip the test for this reason, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def without_ipv6(create: Callable[..., socket.socket]) -> Callable[..., socket.socket]:
    """What replaces `create`, which is socket.socket, as on a machine without IPv6."""

    def only_ipv4(family: int = socket.AF_INET, *given: Any, **named: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        return create(family, *given, **named)

    return only_ipv4


def free_port() -> int:
    """A port of 127.0.0.1 that no other process of the tests is given while this one runs.

    It is below the ports that the kernel hands out, so no connection and no server on port 0 takes it meanwhile.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(lowest // 2, lowest)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_UNIX) as owned:
            owned.bind(f"\0delivery-risk-tests-port-{port}")
            _OWNED.append(owned.dup())
            return port


def default_handlers() -> None:
    """Let these signals end this process, although its parent may ignore them."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def ended(process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Terminate the process; kill it if it has not ended after these seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def killed(process: subprocess.Popen[bytes]) -> None:
    """Kill a service and its workers. The master is stopped first, so that it starts no new worker."""
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        for worker in _children(process.pid):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        process.kill()
        process.wait()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(met: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether the condition is met within the seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if met():
            return True
        time.sleep(0.05)
    return False


def curl(line: str) -> dict[str, Any]:
    """The answer to a curl line of a document."""
    if shutil.which("curl") is None:
        absent("curl is not installed")
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=10, check=True)
    return json.loads(done.stdout)


def read_metrics(text: str) -> dict[str, float]:
    """The samples of Prometheus text, of which every line must be a comment or a sample."""
    found = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {sample: float(value) for sample, _, value in found}


def environment(**given: str) -> dict[str, str]:
    """These variables, and those of this process that do not configure a service.

    With FAST_LANE=off, a service has no fast lane where a test does not choose.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DELIVERY_RISK_", "WEB_", "GUNICORN"))}
    lane = {"DELIVERY_RISK_FAST_LANE": "off"} if kept.get("FAST_LANE") == "off" else {}
    return kept | lane | given


@contextmanager
def running(command: list[str] = SERVE, seconds: float = 30, cwd: Path = ROOT, **variables: str) -> Iterator[Server]:
    """A service started by this command in this folder with these variables, until the block ends."""
    given = environment(**{"DELIVERY_RISK_BIND": "127.0.0.1:0"} | variables)
    with tempfile.NamedTemporaryFile() as output:
        process = subprocess.Popen(command, cwd=cwd, env=given, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Server(_port(process, Path(output.name), seconds), process, Path(output.name))
        finally:
            killed(process)


@contextmanager
def serving(token: str | None = None, variables: Mapping[str, str] = {}, **options: Any) -> Iterator[Server]:
    """A service with these variables and options of Popen, its standard streams among them, once it is ready."""
    port = free_port()
    given = environment(**{"DELIVERY_RISK_BIND": f"127.0.0.1:{port}", **variables})
    with subprocess.Popen(SERVE, cwd=ROOT, env=given, **options) as process:
        server = Server(port, process, Path(os.devnull), token=token)

        def ready() -> bool:
            with suppress(OSError):
                return server.call("GET", "/readyz")[0] == 200
            return False

        try:
            assert until(ready, 30)
            yield server
        finally:
            killed(process)


def _port(process: subprocess.Popen[bytes], output: Path, seconds: float) -> int:
    until(lambda: process.poll() is not None or _ADDRESS.search(output.read_text()) is not None, seconds)
    found = _ADDRESS.search(output.read_text())
    assert found, f"the service did not start: {output.read_text()}"
    return int(found[1])
