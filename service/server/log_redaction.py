"""Log redaction: keeps clients' text out of gunicorn's answers and logs.

gunicorn repeats what it cannot parse, such as a header without a colon, in its answer and its log. Where a request fails
inside it, and at the level debug, it logs paths and what came before a client hung up. A token may be in all of these.
"""

from typing import Any

from gunicorn import glogging


def redact(error: BaseException) -> None:
    """Replace the error's texts by its class name."""
    for name, value in vars(error).items():
        if isinstance(value, str | bytes):
            setattr(error, name, type(error).__name__)


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's logger, without clients' text and without its access log: the middleware logs each request."""

    def access(self, *_: Any) -> None:
        """Nothing; gunicorn would compose a line even where no handler takes it."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log the message with redacted arguments."""
        super().debug(msg, *map(_redacted, args), **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log the message with redacted arguments, and the traceback."""
        super().exception(msg, *map(_redacted, args), **kwargs)


def _redacted(value: Any) -> Any:
    """Errors by their class names, texts not at all."""
    if isinstance(value, BaseException):
        return type(value).__name__
    return "…" if isinstance(value, str | bytes) else value
