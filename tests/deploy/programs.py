"""Programs that deploy/ is for: found, run to their end, or running until a block ends. install.sh brings them."""

import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.facts import ROOT
from tests.servers import absent, ended

TOOLS = ROOT / ".venv-deploy"
_PATH = f"{TOOLS / 'bin'}:{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def program(name: str) -> str:
    """Where the program is; without it the test is skipped, or fails in CI."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        absent(f"there is no {name}: see tests/deploy/install.sh")
    return str(found)


def run(*command: str, seconds: float = 60, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program's end, whatever came of it, with both its outputs."""
    given = os.environ | {"PATH": _PATH} | environment
    return subprocess.run(
        [program(command[0]), *command[1:]], cwd=cwd, env=given, capture_output=True, text=True, timeout=seconds, check=False
    )


@contextmanager
def serving(ready: str, log: Path, name: str, *arguments: str | Path) -> Iterator[None]:
    """The program, from when this URL answers until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen([program(name), *map(str, arguments)], stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(ready, process, log)
            yield
        finally:
            ended(process)


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
