"""JSON formatter: log lines for machines; and what the line of every record has."""

import logging
from datetime import UTC, datetime

from pythonjsonlogger.core import BaseJsonFormatter
from pythonjsonlogger.msgspec import MsgspecFormatter

from service.telemetry.event_record import EventRecord

_NAMES = {"levelname": "level", "name": "logger", "message": "message"}


class EventFormatter(BaseJsonFormatter):
    """Level, logger, message, a traceback, the fields in the order in which they were added, the time."""

    def __init__(self) -> None:
        super().__init__([*_NAMES], rename_fields=_NAMES, timestamp="time")

    def format(self, record: logging.LogRecord) -> str:
        """The line of this record. That of an EventRecord is made directly, in less than half the time."""
        if not isinstance(record, EventRecord):
            return super().format(record)
        head = {"level": record.levelname, "logger": record.name, "message": record.msg}
        return self.jsonify_log_record({**head, **record.fields, "time": datetime.fromtimestamp(record.created, UTC)})


class JsonFormatter(EventFormatter, MsgspecFormatter):
    """One line of JSON."""
