"""Logging: one line for each event on standard output, in JSON or as text, for the service's loggers and gunicorn's.

The logger GREETING writes plain text on standard error instead.
"""

import os
from collections.abc import Callable
from typing import Any

from service.telemetry.log_writer import LogWriter

GREETING = "delivery_risk.greeting"
FORMATTERS = {
    "json": "service.telemetry.json_formatter.JsonFormatter",
    "text": "service.telemetry.text_formatter.TextFormatter",
}


def config(level: str, form: str, on_drop: Callable[[], None]) -> dict[str, Any]:
    """A logging.config.dictConfig for this level and form, one of FORMATTERS. `on_drop` is called for each dropped line."""
    writer = {"()": LogWriter, "on_drop": on_drop}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {form: {"()": FORMATTERS[form]}},
        "handlers": {
            "stdout": {**writer, "descriptor": 1, "formatter": form},
            "stderr": {**writer, "descriptor": 2},
        },
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {
            "gunicorn.error": {"level": level.upper(), "propagate": True, "handlers": []},
            GREETING: {"level": "INFO", "propagate": False, "handlers": ["stderr"]},
        },
    }


def open_closed_streams() -> None:
    """Open standard streams that are closed on the null device. A socket would get their number, and the log with it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
