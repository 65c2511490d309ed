"""Output: what a command writes, with failures that tell where.

An OSError of writing knows no name, and on its way out could be taken for one of a file that is read or of a store.
"""

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

import click

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Unread(Exception):
    """Nobody reads any more what is written."""


class Unwritten(click.ClickException):
    """What has this name cannot be written."""

    exit_code = 2

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(f"{name}: {error.strerror}.")


@contextmanager
def failures(name: str) -> Iterator[None]:
    """An OSError in the block is one of writing to what has this name. Raises Unwritten and Unread."""
    try:
        yield
    except BrokenPipeError:
        raise Unread from None
    except OSError as error:
        raise Unwritten(name, error) from None


class Output(io.RawIOBase):
    """What is below it, under a name: a binary stream, or None where there is none. Closing it leaves that open.

    It keeps nothing back, so that nothing is left to fail when the interpreter ends, and drops what comes after a write that
    failed or was broken off, which would fail again, or wait for a reader that never reads.
    """

    def __init__(self, name: str, below: BinaryIO | None) -> None:
        super().__init__()
        self._name = name
        self._below = below
        self._broken = False

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._below is not None and self._below.isatty()

    def fileno(self) -> int:
        return super().fileno() if self._below is None else self._below.fileno()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of it. Raises Unwritten and Unread."""
        left = memoryview(data).cast("B")
        size = len(left)
        if self._broken or not size:
            return size
        self._broken = True
        with failures(self._name):
            while left:
                left = left[self._some(left) :]
        self._broken = False
        return size

    def _some(self, data: memoryview) -> int:
        if self._below is None:
            raise OSError(errno.EBADF, "closed")
        count = cast(int | None, self._below.write(data))
        if count is None:  # a pipe that was told not to wait
            raise OSError(errno.EAGAIN, "takes nothing more now")
        return count


@contextmanager
def standard() -> Iterator[None]:
    """In the block what goes to standard output or error goes through an Output."""
    before = sys.stdout, sys.stderr
    sys.stdout = _through("standard output", sys.stdout)
    sys.stderr = _through("standard error", sys.stderr, io.BytesIO())  # closed: nobody wants to be told
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _through(name: str, stream: TextIO | None, instead: BinaryIO | None = None) -> TextIO:
    below = getattr(stream, "buffer", instead)
    output = Output(name, getattr(below, "raw", below))
    encoding, errors = getattr(stream, "encoding", "utf-8"), getattr(stream, "errors", None)
    return io.TextIOWrapper(cast(BinaryIO, output), encoding, errors, write_through=True)
