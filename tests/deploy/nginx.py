"""The real nginx, with deploy/nginx in front of a port: unprivileged, in a folder of its own, ended by its process id."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.programs import program
from tests.facts import ROOT
from tests.servers import Server, ended, free_port

FILES = ROOT / "deploy" / "nginx"
_NOBODY = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


@dataclass(frozen=True)
class Front(Server):
    """A running nginx; `folder` holds its logs and its temporary files."""

    folder: Path

    def lines(self, wanted: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
        """The wanted lines of its access log, once there are so many of them."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            text = (self.folder / "access.log").read_text()
            found = [line for line in map(json.loads, text.splitlines()) if wanted(line)]
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{len(found)} lines of {count}")


@contextmanager
def front(service_port: int) -> Iterator[Front]:
    """nginx in front of a service, until the block ends. Skips where there is none, and fails where CI is set."""
    binary = program("nginx")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        _render(folder, port, service_port)
        command = [binary, "-p", name, "-c", "nginx.conf", "-e", "error.log"]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=10, **_NOBODY)
        assert tested.returncode == 0, tested.stderr
        assert "[warn]" not in tested.stderr, tested.stderr
        with open(folder / "error.log", "rb") as log:
            process = subprocess.Popen(command, **_NOBODY)
            try:
                _wait(port, process)
                yield Front(port, process, log, folder)
            finally:
                ended(process, 10)


def _render(folder: Path, port: int, service_port: int) -> None:
    """The files as they are, but for two ports and one path."""
    changes = {
        "delivery-risk.conf": {"listen 80;": f"listen 127.0.0.1:{port};", "/var/log/nginx/": f"{folder}/"},
        "upstream.conf": {"server 127.0.0.1:8000 ": f"server 127.0.0.1:{service_port} "},
    }
    (folder / "conf.d").mkdir()
    for name, changed in changes.items():
        text = (FILES / name).read_text()
        for old, new in changed.items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        (folder / "conf.d" / name).write_text(text)
    shutil.copy(Path(__file__).with_name("nginx.conf"), folder)
    if _NOBODY:
        shutil.chown(folder, **_NOBODY)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
