"""Text formatter: log lines for people who read them in a terminal."""

import re
from typing import Any

import msgspec

from service.telemetry.json_formatter import EventFormatter

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLAIN = re.compile(r"[\x21\x23-\x7e]+")


class TextFormatter(EventFormatter):
    """Time, level, logger and message, then the other fields as name=value. Texts that are not plain are written as JSON."""

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """One line, and the lines of a traceback below it."""
        fields = dict(log_data)
        time = fields.pop("time").isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = [time, *(str(fields.pop(name)) for name in ("level", "logger", "message"))]
        below = [str(fields.pop(name)) for name in ("exc_info", "stack_info") if name in fields]
        line = " ".join([*head, *(f"{name}={_text(value)}" for name, value in fields.items())])
        return "\n".join([_CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", line), *below])


def _text(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return msgspec.json.encode(value, enc_hook=str).decode()
