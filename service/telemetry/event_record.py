"""Event record: a log record of the service's own, at level INFO, without arguments and traceback.

logging's own constructor looks for the names of a file, a process and a task, which takes as long as to format the line.
"""

import logging
import threading
import time
from collections.abc import Mapping
from itertools import islice
from os import getpid
from typing import Any

_TEMPLATE = vars(logging.LogRecord("", logging.INFO, "", 0, "", (), None))
_STARTED = _TEMPLATE["created"] - _TEMPLATE["relativeCreated"] / 1000
_STANDARD = len(_TEMPLATE)
_OF_FORMATTERS = ("message", "asctime")


class EventRecord(logging.LogRecord):
    """The record of this message by this logger, now, with these fields as its attributes."""

    def __init__(self, logger: str, message: str, fields: Mapping[str, Any]) -> None:
        now = time.time()
        self.__dict__ = {
            **_TEMPLATE,
            "name": logger,
            "msg": message,
            "created": now,
            "msecs": now % 1 * 1000,
            "relativeCreated": (now - _STARTED) * 1000,
            "thread": threading.get_ident(),
            "threadName": threading.current_thread().name,
            "process": getpid(),
            **fields,
        }

    @property
    def fields(self) -> dict[str, Any]:
        """The fields, as filters of handlers have left them; without what formatters add to every record."""
        added = dict(islice(vars(self).items(), _STANDARD, None))
        for name in _OF_FORMATTERS:
            added.pop(name, None)
        return added
