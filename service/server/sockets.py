"""Sockets: an address is taken at once or not at all, and a unix socket is removed only by a master that still has the path.

gunicorn tries an address that is taken five times, for five seconds. It removes what is at the path of a unix socket, when it
starts and when it stops: two masters that started at once could both remove and bind, and one that stopped removed the socket
of its successor.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from gunicorn import sock

from model.lock_file import locked
from service.config import variable

_MAPPED = "::ffff:"
"""What an IPv4 address begins with on a socket of IPv6."""


@contextmanager
def _at_once(address: str) -> Iterator[None]:
    """End the start with one line where this address cannot be taken."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "another file has this path"
        raise SystemExit(
            f"delivery-risk: {address}: cannot be bound ({reason}); free it, or set {variable('bind')} to another address"
        ) from None


class TCPSocket(sock.TCPSocket):  # type: ignore[misc]
    """gunicorn's listener on an IPv4 address or a host name."""

    def __init__(self, addr: Any, conf: Any, log: Any, fd: int | None = None) -> None:
        with _at_once(f"{addr[0]}:{addr[1]}"):
            super().__init__(addr, conf, log, fd)


class TCP6Socket(sock.TCP6Socket):  # type: ignore[misc]
    """gunicorn's listener on an IPv6 address. `[::]` takes IPv4 connections too, and those alone on a machine without IPv6."""

    def __init__(self, addr: Any, conf: Any, log: Any, fd: int | None = None) -> None:
        self._any = addr[0] == "::"
        if self._any and not _has_ipv6():
            self.FAMILY, addr = socket.AF_INET, ("0.0.0.0", addr[1])  # noqa: S104
        with _at_once(f"[{addr[0]}]:{addr[1]}"):
            super().__init__(addr, conf, log, fd)

    def bind(self, sock: socket.socket) -> None:
        """Bind the socket."""
        if self._any and self.FAMILY == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().bind(sock)

    def accept(self) -> tuple[socket.socket, tuple[Any, ...]]:
        """A connection and its client, whose IPv4 address is written as such."""
        connection, (host, *others) = self.sock.accept()
        return connection, (host.removeprefix(_MAPPED) if "." in host else host, *others)

    def __str__(self) -> str:
        (host, port, *_), scheme = self.sock.getsockname(), "https" if self.conf.is_ssl else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as tried:
        tried.bind(("::", 0))
        return True
    return False


class UnixSocket(sock.UnixSocket):  # type: ignore[misc]
    """gunicorn's listener on a unix socket, which knows its own file."""

    def __init__(self, addr: Any, conf: Any, log: Any, fd: int | None = None) -> None:
        # an inherited one is bound already
        with _at_once(f"unix:{addr}"), locked(f"{addr}.lock") if fd is None else nullcontext():
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
    """Have gunicorn use them in this process."""
    sock.TCPSocket, sock.TCP6Socket, sock.UnixSocket = TCPSocket, TCP6Socket, UnixSocket
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
