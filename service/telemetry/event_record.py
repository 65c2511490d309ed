"""Event record: a log record of the service's own, at level INFO.

logging's own constructor looks for the names of a file, a process and a task, which takes as long as to format the line.
"""

import logging
import threading
import time
from collections.abc import Mapping
from os import getpid
from typing import Any

_TEMPLATE = vars(logging.LogRecord("", logging.INFO, "", 0, "", (), None))
_STARTED = _TEMPLATE["created"] - _TEMPLATE["relativeCreated"] / 1000

STANDARD = len(_TEMPLATE)
"""How many attributes every record has before its fields."""


class EventRecord(logging.LogRecord):
    """The record of this message by this logger, now, with these fields as its attributes."""

    def __init__(self, logger: str, message: str, fields: Mapping[str, Any]) -> None:
        now, thread = time.time(), threading.current_thread()
        self.__dict__ = {
            **_TEMPLATE,
            "name": logger,
            "msg": message,
            "created": now,
            "msecs": now % 1 * 1000,
            "relativeCreated": (now - _STARTED) * 1000,
            "thread": thread.ident,
            "threadName": thread.name,
            "process": getpid(),
            **fields,
        }
