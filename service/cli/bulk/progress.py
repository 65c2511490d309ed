"""The progress of a run: one line on a terminal, written again after each part."""

import sys
import time

import click

_MINUTE, _HOUR = 60, 3600


class Progress:
    """Shows how many of so many `parts`, with so many `size` bytes, are done: with the rows a second, and the time left."""

    def __init__(self, parts: int, size: int) -> None:
        self._parts, self._size = parts, size
        self._done = self._bytes = self._skipped = self._rows = 0
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()

    def take(self, size: int, rows: int, *, skipped: bool) -> None:
        """Show that one more part is done, with a file of so many bytes."""
        self._done += 1
        self._bytes += size
        if skipped:
            self._skipped += size
        else:
            self._rows += rows
        if self._shown:
            click.echo(f"\r{self.text()}\x1b[K", err=True, nl=False)

    def interrupt(self) -> None:
        """Clear the line, for another one."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown and self._done:
            click.echo(err=True)

    def text(self) -> str:
        """The line."""
        seconds = max(time.monotonic() - self._began, 1e-3)
        scored = self._bytes - self._skipped
        left = (self._size - self._bytes) * seconds / scored if scored else 0.0
        rate = f"{self._rows:,} rows, {self._rows / seconds:,.0f} rows/s"
        return f"{self._done} of {self._parts} parts, {rate}, {_duration(left)} left"


def _duration(seconds: float) -> str:
    total = round(seconds)
    return f"{total // _HOUR}:{total % _HOUR // _MINUTE:02}:{total % _MINUTE:02}"
