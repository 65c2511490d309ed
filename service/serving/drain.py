"""Drain: while a file is there, the service says that it is not ready and closes each connection after its answer.

It goes on answering. A balancer that asks for readiness takes it out meanwhile, and when it is told to stop, nothing arrives.
"""

import os.path


def draining(file: str | None) -> bool:
    """Whether the file is there, if one was set."""
    return file is not None and os.path.exists(file)
