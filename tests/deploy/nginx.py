"""The real nginx with the files of deploy/nginx in front of a port: unprivileged, in a temporary folder."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.programs import program, replace_text, serving
from tests.facts import ROOT
from tests.servers import Server, free_port, until

SITE, UPSTREAM = ((ROOT / "deploy" / "nginx" / name).read_text() for name in ("delivery-risk.conf", "upstream.conf"))
JSON = {"Content-Type": "application/json"}
_NOBODY: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


@dataclass(frozen=True)
class Nginx(Server):
    """A running nginx; `folder` contains its logs and temporary files."""

    folder: Path

    def log_lines(self, wanted: Callable[[dict[str, Any]], bool], count: int) -> list[dict[str, Any]]:
        """The wanted lines of the access log, as soon as it has this many."""

        def found() -> list[dict[str, Any]]:
            return list(filter(wanted, map(json.loads, (self.folder / "access.log").read_text().splitlines())))

        assert until(lambda: len(found()) >= count, 5), f"{len(found())} lines of {count}"
        return found()


@contextmanager
def running_nginx(service_port: int) -> Iterator[Nginx]:
    """nginx in front of a service, until the block ends. Skips without nginx, or fails in CI."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        _configure(folder, port, service_port)
        options = ("-p", name, "-c", "nginx.conf", "-e", "error.log")
        tested = subprocess.run([program("nginx"), *options, "-t"], capture_output=True, text=True, timeout=10, **_NOBODY)
        assert tested.returncode == 0, tested.stderr
        assert "[warn]" not in tested.stderr, tested.stderr

        def listens() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        started = serving(listens, folder / "output.log", "nginx", *options, **_NOBODY)
        with started as process, open(folder / "error.log", "rb") as log:
            yield Nginx(port, process, log, folder)


def _configure(folder: Path, port: int, service_port: int) -> None:
    """Write the files as they are, except for two ports and one path."""
    shutil.copytree(ROOT / "deploy" / "nginx", folder / "conf.d", ignore=shutil.ignore_patterns("compose"))
    replace_text(folder / "conf.d" / "delivery-risk.conf", "listen 80;", f"listen 127.0.0.1:{port};")
    replace_text(folder / "conf.d" / "delivery-risk.conf", "/var/log/nginx/", f"{folder}/")
    replace_text(folder / "conf.d" / "upstream.conf", "server 127.0.0.1:8000 ", f"server 127.0.0.1:{service_port} ")
    shutil.copy(Path(__file__).with_name("nginx.conf"), folder)
    if _NOBODY:
        shutil.chown(folder, **_NOBODY)
