"""How an interrupted command ends: it removes partial output and exits with 130 (Ctrl-C), 143 (SIGTERM) or 141 (closed pipe).

Exit code 1 is an answer: of `score` that rows were rejected, of `doctor` that a check failed. Any other error exits with 2.
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click

from service.cli.output import ReaderGone, checked_streams

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal, its number the argument, asked the command to end."""


class Commands(click.Group):
    """All commands. `serve` is left to gunicorn, which handles signals itself and logs although nobody reads the log."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run the command that these arguments name, and exit."""
        if [*(sys.argv[1:] if args is None else args)][:1] == ["serve"]:
            return super().main(args, *more, **extra)
        try:
            with _interruptible(), checked_streams():
                return super().main(args, *more, **extra)
        except Interrupted as interrupted:
            _exit_by(interrupted.args[0])
        except ReaderGone:
            _exit_by(signal.SIGPIPE)
        except click.ClickException:  # its message could not be printed
            sys.exit(2)
        except Exception:
            sys.excepthook(*sys.exc_info())
            sys.exit(2)


@contextmanager
def _interruptible() -> Iterator[None]:
    """In the block a signal raises Interrupted, once, unless it is ignored (nohup) or has a handler already."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = [number for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]

    def interrupt(number: int, _: FrameType | None) -> None:
        for each in ours:  # a closed terminal may send two signals; a second Ctrl-C ends the command at once
            signal.signal(each, signal.SIG_DFL if each == signal.SIGINT else signal.SIG_IGN)
        raise Interrupted(number)

    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _exit_by(number: int) -> NoReturn:
    """End by the signal itself, so that a shell stops its loop too."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    sys.exit(128 + number)  # process 1 of a container is not ended by its own signals
