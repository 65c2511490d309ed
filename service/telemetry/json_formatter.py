"""JSON formatter: log lines for machines; and what the line of every record has."""

import logging
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter
from pythonjsonlogger.msgspec import MsgspecFormatter

from service.telemetry.event_record import STANDARD

_BY_FORMATTERS = ("message", "asctime")
_FIRST = itemgetter(slice(1))


class EventFormatter(BaseJsonFormatter):
    """Level, logger, message, a traceback, the fields in the order in which they were added, the time."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Add what the line of this record has. Were names and time a configuration, it would take twice as long."""
        log_data["level"], log_data["logger"], log_data["message"] = record.levelname, record.name, record.message
        log_data |= message_dict
        added = dict(islice(vars(record).items(), STANDARD, None))
        for name in _BY_FORMATTERS:
            added.pop(name, None)
        if "_" in map(_FIRST, added):
            added = {name: value for name, value in added.items() if name[:1] != "_"}
        log_data |= added
        log_data["time"] = datetime.fromtimestamp(record.created, UTC)


class JsonFormatter(EventFormatter, MsgspecFormatter):
    """One line of JSON."""
