"""What `score --review-top` keeps of each order in memory, as `score --help` says it, however long the rows and ids are."""

import re
import subprocess
import sys

from tests.order_files import HEADER

PROMISED = 200
FEW, MANY = 40_000, 140_000  # below 30,000 orders most of the growth is that of the first batches
PROGRAM = """
import re, sys
from pathlib import Path
from service.cli import main
try:
    main(sys.argv[1:])
finally:
    print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def highest(orders, folder):
    """The most memory of a run with so many orders, in bytes."""
    path = folder / f"{orders}.csv"
    path.write_text(HEADER + "".join(f"{'é' * 100}{number},3,{'note' * 50},2,1\n" for number in range(orders, 0, -1)))
    command = [sys.executable, "-c", PROGRAM, "score", path.name, "--review-top", "50", "--out", "out.csv"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout) * 1024


def test_an_order_takes_no_more_memory_than_the_help_says(tmp_path, run):
    assert re.search(rf"at most {PROMISED} bytes\s+of memory an order", run("score", "--help").stdout)
    assert (highest(MANY, tmp_path) - highest(FEW, tmp_path)) / (MANY - FEW) <= PROMISED
