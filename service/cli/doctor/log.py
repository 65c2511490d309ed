"""The log: whether somebody reads what this command and the running service write to their standard streams."""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from service.cli.doctor.finding import Finding, Installation, ok, warn

_WAIT_MILLISECONDS = 1000
_LISTENING = "0A"
_STREAMS = {1: "standard output", 2: "standard error"}
_ADVICE = "check that what collects the log runs and has room"


def log(installation: Installation) -> list[Finding]:
    """No standard stream of this command, or of a process that listens at the service's address, is full and stays so."""
    processes = {"this command": "self"} | {f"process {pid}": pid for pid in _listeners(installation.settings.bind)}
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


def _listeners(address: str) -> Iterator[str]:
    """The processes of this user that have the listening socket of this address."""
    sockets = {f"socket:[{inode}]" for inode in _listening(address)}
    for process in Path("/proc").glob("[0-9]*") if sockets else ():
        with suppress(OSError):  # it has ended, or is another user's
            if any(os.readlink(file) in sockets for file in (process / "fd").iterdir()):
                yield process.name


def _listening(address: str) -> Iterator[str]:
    """The inodes of the sockets that listen at this port or path."""
    if address.startswith("unix:"):
        lines = Path("/proc/net/unix").read_text().splitlines()[1:]
        yield from (line.split()[6] for line in lines if line.endswith(f" {address.removeprefix('unix:')}"))
        return
    port = f":{int(address.rpartition(':')[2]):04X}"
    for table in ("tcp", "tcp6") if socket.has_ipv6 else ("tcp",):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENING and local.endswith(port):
                yield inode
