"""Client address: whose request it is, for the log."""

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

TRUSTED_PROXY = "delivery_risk.trusted_proxy"
"""In the environ: whether the connection is that of a proxy whose X-Forwarded-For counts, where the server determines it."""


def client_address(environ: Mapping[str, Any]) -> str | None:
    """The address of the connection or, behind a trusted proxy, the last one in X-Forwarded-For. None for a Unix socket.

    A proxy appends the address that it sees. Those before it may be the invention of the client.
    """
    if environ.get(TRUSTED_PROXY):
        with suppress(ValueError):
            return str(ip_address(environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip().partition("%")[0]))
    return environ.get("REMOTE_ADDR") or None
