"""Signals: held back while a worker is forked, until it has handlers of its own.

At first a worker has its master's handlers, and they put a signal into a queue that nobody reads there: told to stop in that
moment, it would not, and the master would wait for all of its graceful timeout.
"""

import os
import signal

_HELD = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


def prepare() -> None:
    """To be called once in the master: it takes signals again as soon as a worker is forked, or could not be."""
    os.register_at_fork(after_in_parent=release)


def hold() -> None:
    """Keep signals waiting, in this thread and in a process forked from it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def release() -> None:
    """Take the signals that waited, and take them at once from now on."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
