"""Discretion: gunicorn's errors and its logger, kept from repeating what a client sent.

gunicorn quotes what it cannot parse, a header without a colon for one, in its answer and its log; where a request fails
inside it, and at the level debug, it logs paths and what came before a client hung up. A token may stand in all of these.
Here the kind of error is all that is told.
"""

from typing import Any

from gunicorn import glogging


def silence(error: BaseException) -> None:
    """Have the error tell its own name where it would quote."""
    for name, value in vars(error).items():
        if isinstance(value, str | bytes):
            setattr(error, name, type(error).__name__)


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's own."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log the message without what it would quote."""
        super().debug(msg, *map(_discreet, args), **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log the message without what it would quote, and the traceback."""
        super().exception(msg, *map(_discreet, args), **kwargs)


def _discreet(value: Any) -> Any:
    """Errors by their names, texts not at all."""
    if isinstance(value, BaseException):
        return type(value).__name__
    return "…" if isinstance(value, str | bytes) else value
