"""The log: whether somebody reads what this command and the running service write to their standard streams."""

import os
import re
import select
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from service.cli.doctor.finding import Finding, Installation, ok, warn

_WAIT_MILLISECONDS = 1000
_COMMAND = re.compile(rb"(delivery-risk|service\.cli)\0serve\0|\0service\.wsgi:app\0")
_STREAMS = {1: "standard output", 2: "standard error"}
_ADVICE = "check that what collects the log runs and has room"


def log(installation: Installation) -> list[Finding]:
    """No standard stream of this command, or of a process of the service, is full and stays so."""
    processes = {"this command": "self"} | {f"process {pid}": pid for pid in _services()}
    full = [
        warn(f"nobody reads the {stream} of {process}: it is full", _ADVICE)
        for process, pid in processes.items()
        for number, stream in _STREAMS.items()
        if _is_full(f"/proc/{pid}/fd/{number}")
    ]
    return full or [ok(f"there is room in the standard streams of {', '.join(processes)}")]


def _is_full(path: str) -> bool:
    """Whether nothing can be written there, and for a second."""
    with suppress(OSError):
        stream = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)  # of its own: the mode of the process's stays
        try:
            room = select.poll()
            room.register(stream, select.POLLOUT)
            return not room.poll(_WAIT_MILLISECONDS)
        finally:
            os.close(stream)
    return False


def _services() -> Iterator[str]:
    """The processes of the service that run as this user, by the command that started them."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if _COMMAND.search((process / "cmdline").read_bytes()):
                yield process.name
