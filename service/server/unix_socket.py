"""Unix sockets: taken under a lock, and removed only by a master that still has the path.

gunicorn removes what is at the path, both when it starts and when it stops. Two masters that started at once could both remove
and bind, and one that stopped removed the socket of its successor.
"""

import os
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from typing import Any

from gunicorn import sock

from model.lock_file import locked


class UnixSocket(sock.UnixSocket):  # type: ignore[misc]
    """gunicorn's listener on a unix socket, which knows its own file."""

    def __init__(self, addr: Any, conf: Any, log: Any, fd: int | None = None) -> None:
        with locked(f"{addr}.lock") if fd is None else nullcontext():  # an inherited one is bound already
            super().__init__(addr, conf, log, fd)
            self._file = _identity(addr)

    def remove(self) -> None:
        """Remove its file, unless another master has taken the path or is taking it. Call before the socket is closed.

        Until then no other file can have the same inode.
        """
        with suppress(OSError), locked(f"{self.cfg_addr}.lock", wait=False):
            if self._file is not None and self._file == _identity(self.cfg_addr):
                os.unlink(self.cfg_addr)


def install() -> None:
    """Have gunicorn use it in this process."""
    sock.UnixSocket = UnixSocket
    sock.close_sockets = _close_sockets


def _close_sockets(listeners: Iterable[Any], unlink: bool = True) -> None:
    for listener in listeners:
        if unlink and isinstance(listener, UnixSocket):
            listener.remove()
        listener.close()


def _identity(path: str) -> tuple[int, int] | None:
    """The file at this path; None if there is none, as for an abstract address."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
