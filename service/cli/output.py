"""Output streams whose errors name what could not be written.

A bare OSError of a write has no file name, and could be taken for an error of a file that is read.
"""

import errno
import hashlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

import click

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ReaderGone(Exception):
    """The pipe that is written to has no reader any more."""


class WriteError(click.ClickException):
    """A file or stream cannot be written."""

    exit_code = 2


@contextmanager
def write_errors(name: str) -> Iterator[None]:
    """Raise an OSError in the block as WriteError of this name, a broken pipe as ReaderGone."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise WriteError(f"{name}: {error.strerror}.") from None


class Output(io.RawIOBase):
    """A named, unbuffered writer to a binary stream, or to none (closed); closing it does not close the stream.

    Nothing is left to flush, and fail, when the interpreter ends. After a write that failed or was interrupted it drops all
    data: another write would fail again, or wait for a reader that never reads.
    """

    def __init__(self, name: str, stream: BinaryIO | None) -> None:
        super().__init__()
        self._name = name
        self._stream = stream
        self._broken = False
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        return super().fileno() if self._stream is None else self._stream.fileno()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of it. Raises WriteError and ReaderGone."""
        left = memoryview(data).cast("B")
        size = len(left)
        if self._broken or not size:
            return size
        self._broken = True
        with write_errors(self._name):
            while left:
                if self._stream is None:
                    raise OSError(errno.EBADF, "closed")
                count = cast(int | None, self._stream.write(left))
                if count is None:  # a non-blocking pipe that is full
                    raise OSError(errno.EAGAIN, "takes nothing more now")
                self._digest.update(left[:count])
                left = left[count:]
        self._broken = False
        return size

    def sha256(self) -> str:
        """The digest of what has been written."""
        return self._digest.hexdigest()


@contextmanager
def checked_streams() -> Iterator[None]:
    """In the block standard output and standard error are Outputs; what goes to a closed standard error is dropped."""
    before = sys.stdout, sys.stderr
    sys.stdout = _checked("standard output", sys.stdout)
    sys.stderr = _checked("standard error", sys.stderr, io.BytesIO())
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _checked(name: str, stream: TextIO | None, instead: BinaryIO | None = None) -> TextIO:
    below = getattr(stream, "buffer", instead)
    output = Output(name, getattr(below, "raw", below))
    encoding, errors = getattr(stream, "encoding", "utf-8"), getattr(stream, "errors", None)
    return io.TextIOWrapper(cast(BinaryIO, output), encoding, errors, write_through=True)
