"""JSON formatter: log lines for machines; and what the line of every record has."""

import logging
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS, BaseJsonFormatter
from pythonjsonlogger.msgspec import MsgspecFormatter

from service.telemetry.event_record import STANDARD

_NOT_FIELDS = frozenset(RESERVED_ATTRS)


class EventFormatter(BaseJsonFormatter):
    """Level, logger, message, a traceback, the fields in the order in which they were added, the time."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Add what the line of this record has. Were names and time a configuration, it would take twice as long."""
        log_data["level"], log_data["logger"], log_data["message"] = record.levelname, record.name, record.message
        log_data |= message_dict
        added = list(vars(record).items())[STANDARD:]
        log_data |= {name: value for name, value in added if name not in _NOT_FIELDS and name[:1] != "_"}
        log_data["time"] = datetime.fromtimestamp(record.created, UTC)


class JsonFormatter(EventFormatter, MsgspecFormatter):
    """One line of JSON."""
