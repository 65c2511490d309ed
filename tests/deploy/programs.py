"""Programs that deploy/ is for: found, run to their end, or running until a block ends. install.sh brings them."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Where the program is; without it the test is skipped, or fails in CI."""
    found = shutil.which(name)
    if found is None:
        reason = f"there is no {name}: tests/deploy/install.sh brings it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run(name: str, *arguments: str | Path) -> tuple[int, str]:
    """The program's exit code, and all that it printed."""
    done = subprocess.run(
        [program(name), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    return done.returncode, done.stdout


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def serving(ready: str, log: Path, name: str, *arguments: str | Path) -> Iterator[None]:
    """The program, from when this URL answers until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen([program(name), *map(str, arguments)], stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(ready, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no answer from {url}: {log.read_text()}")
