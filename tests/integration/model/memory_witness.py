"""A process that reads files and reports the result of each: python -m tests.integration.model.memory_witness GOOD FILE…

On standard output: a list of an object a file, with its error, the error's location, the Python events that its reading raised
and the bytes allocated at most (as tracemalloc counts them), and at last how far the process itself grew, in bytes.
"""

import json
import re
import sys
import tracemalloc
from pathlib import Path
from typing import Any

from model.artifact import model_file
from model.errors import ModelError


def read(path: str) -> tuple[str, str]:
    """The error and its location; any that is no ModelError ends the process."""
    try:
        model_file.read(path)
    except ModelError as error:
        return type(error).__name__, error.location
    return "none", ""


def highest() -> int:
    """The most memory that this process held, in bytes. (getrusage includes the parent's.)"""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def main(good: str, paths: list[str]) -> dict[str, Any]:
    read(good)
    events: set[str] = set()
    sys.addaudithook(lambda event, _: events.add(event))
    before = highest()
    outcomes: list[dict[str, Any]] = []
    for path in paths:
        events.clear()
        outcomes.append({"outcome": read(path), "events": sorted(events)})
    grown = highest() - before
    tracemalloc.start()
    for path, outcome in zip(paths, outcomes, strict=True):
        tracemalloc.reset_peak()
        read(path)
        outcome["peak"] = tracemalloc.get_traced_memory()[1]
    return {"files": outcomes, "grown": grown}


if __name__ == "__main__":
    json.dump(main(sys.argv[1], sys.argv[2:]), sys.stdout)
