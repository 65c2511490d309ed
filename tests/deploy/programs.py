"""The programs that read the files of deploy/, as install.sh installs them; and faults written into copies of those files."""

import http.client
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.facts import ROOT
from tests.servers import Client, absent, ended, until

TOOLS = ROOT / ".venv-deploy"
_PATH = f"{TOOLS / 'bin'}:{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def program(name: str) -> str:
    """The path of a program; without it the test is skipped, or fails in CI."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        absent(f"there is no {name}: see tests/deploy/install.sh")
    return str(found)


def run(*command: str, seconds: float = 60, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. Its exit code is not checked."""
    words, given = [program(command[0]), *command[1:]], os.environ | {"PATH": _PATH} | environment
    return subprocess.run(words, cwd=cwd, env=given, capture_output=True, text=True, timeout=seconds, check=False)


def output(*command: str, **options: Any) -> str:
    """The standard output of a program, which must succeed."""
    done = run(*command, **options)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-3000:]
    return done.stdout


def answers(port: int, path: str) -> bool:
    """Whether a server on this port answers a GET of this path with 200."""
    with suppress(OSError, http.client.HTTPException):
        return Client(port).call("GET", path)[0] == 200
    return False


@contextmanager
def serving(
    ready: Callable[[], bool], log: Path, name: str, *arguments: str | Path, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ready, until the block ends. `options` are those of Popen."""
    with log.open("wb") as out:
        command = [program(name), *map(str, arguments)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **options)
        try:
            assert until(lambda: process.poll() is not None or ready(), 30), log.read_text()
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            ended(process, 10)


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler, bytes], bytes]) -> Iterator[int]:
    """The port of an HTTP server in this process, until the block ends. It answers a POST, given with its body, with 200."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def replace_text(file: Path, old: str, new: str) -> None:
    """Replace a text of the file, which must occur."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
