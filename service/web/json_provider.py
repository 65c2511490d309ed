"""Codec: msgspec as Flask's own, so that a route may return a dictionary."""

from typing import Any

import msgspec
from flask.json.provider import JSONProvider


class MsgspecProvider(JSONProvider):
    """Strict UTF-8 JSON."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return msgspec.json.decode(s)
