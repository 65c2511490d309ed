"""Ending: with what a command ends that is broken off, once it has taken away what is half written.

The exit code 1 is an answer, of `score` that rows were refused, of `doctor` that a check failed; so nothing else ends with it.
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click

from service.cli.output import Unread, standard

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal told the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Commands(click.Group):
    """All commands. `serve` is left to gunicorn, which has its own signals, and a log that must outlive its reader."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run the command that these arguments name, and end."""
        if [*(sys.argv[1:] if args is None else args)][:1] == ["serve"]:
            return super().main(args, *more, **extra)
        try:
            with _stoppable(), standard():
                return super().main(args, *more, **extra)
        except Stopped as stopped:
            _end_by(stopped.number)
        except Unread:
            _end_by(signal.SIGPIPE)
        except click.ClickException:  # that what ended it cannot be said
            sys.exit(2)
        except Exception:
            sys.excepthook(*sys.exc_info())
            sys.exit(2)


@contextmanager
def _stoppable() -> Iterator[None]:
    """In the block a signal to end raises Stopped, once, unless somebody else deals with it, as nohup does."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = [number for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]

    def stop(number: int, _: FrameType | None) -> None:
        for each in ours:  # a terminal that is closed may say so twice; who interrupts twice will not wait
            signal.signal(each, signal.SIG_DFL if each == signal.SIGINT else signal.SIG_IGN)
        raise Stopped(number)

    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _end_by(number: int) -> NoReturn:
    """End by a signal, as a shell expects it of a program that is broken off: a loop, too, then ends with it."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    sys.exit(128 + number)  # a container's first process outlives its own signals
