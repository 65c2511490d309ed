"""Fork signals: held back while a worker is forked, until it has its own handlers.

A new worker first has its master's handlers, which put a signal into a queue that nobody reads there. A worker told to stop in
that moment would not stop, and the master would wait for its whole graceful timeout.
"""

import os
import signal

_HELD = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


def prepare() -> None:
    """Call once in the master: it handles signals again as soon as a worker is forked, or could not be forked."""
    os.register_at_fork(after_in_parent=release)


def hold() -> None:
    """Block signals, in this thread and in a process forked from it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def release() -> None:
    """Unblock signals; those that waited are handled now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
