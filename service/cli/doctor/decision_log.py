"""The decision log: whether its folder can be written and has room."""

import os
from collections.abc import Iterator

from service.cli.doctor.finding import Finding, Installation, fail, ok, warn
from service.config import variable
from service.decisions.decision_log import fault_of
from service.decisions.log_files import MOST_BYTES

_FILES = 4
"""A worker has its current file, and compresses the one before, while there is room for both."""


def decision_log(installation: Installation) -> Iterator[Finding]:
    """The folder exists, can be written and has room for the files of each worker; or no log is kept."""
    name, folder = variable("decision_log"), installation.settings.decision_log
    if folder is None:
        yield ok("none is kept")
        return
    fault = fault_of(folder)
    if fault is not None:
        yield fail(f"{name}: {fault}", "make a folder there that the service's user can write (mkdir -m 700)")
        return
    system = os.statvfs(folder)
    free, needed = system.f_bavail * system.f_frsize, _FILES * MOST_BYTES * installation.settings.workers
    if free < needed:
        advice = f"free {needed / 2**30:.1f} GiB; `delivery-risk decisions prune` removes old files"
        yield warn(f"{name}: {free / 2**30:.1f} GiB are free", advice)
        return
    yield ok(f"{name}: the folder can be written, {free / 2**30:.1f} GiB are free")
