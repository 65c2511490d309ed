"""Drain: while the drain file exists, /readyz answers 503 and each connection is closed after its answer.

The service still answers requests. A load balancer that checks readiness stops sending them before the service stops.
"""

import os.path


def draining(file: str | None) -> bool:
    """Whether the drain file exists; False where none is set."""
    return file is not None and os.path.exists(file)
