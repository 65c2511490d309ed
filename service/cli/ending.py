"""Ending: with what a command ends that is broken off.

The exit code 1 is an answer, of `score` that rows were refused, of `doctor` that a check failed; so nothing else ends with it.
"""

import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from service.cli.output import Unread, standard


class Commands(click.Group):
    """All commands. `serve` is left to gunicorn, which has its own signals, and a log that must outlive its reader."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        """Run the command that these arguments name, and end."""
        if [*(sys.argv[1:] if args is None else args)][:1] == ["serve"]:
            return super().main(args, *more, **extra)
        try:
            with standard():
                return super().main(args, *more, **extra)
        except Unread:
            _end_by(signal.SIGPIPE)
        except click.ClickException:  # that what ended it cannot be said
            sys.exit(2)
        except Exception:
            sys.excepthook(*sys.exc_info())
            sys.exit(2)


def _end_by(number: int) -> NoReturn:
    """End by a signal, as a shell expects it of a program that is broken off: a loop, too, then ends with it."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    sys.exit(128 + number)  # a container's first process outlives its own signals
