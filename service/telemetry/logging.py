"""Logging: one JSON line for each event on standard output, for the service's loggers and gunicorn's."""

from typing import Any


def config(level: str) -> dict[str, Any]:
    """A logging.config.dictConfig for this level."""
    formatter = {
        "()": "pythonjsonlogger.msgspec.MsgspecFormatter",
        "fmt": "%(levelname)s %(name)s %(message)s",
        "rename_fields": {"levelname": "level", "name": "logger"},
        "timestamp": "time",
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {"gunicorn.error": {"level": level.upper(), "propagate": True, "handlers": []}},
    }
