"""Kill runs of bulk, run them again, and compare all files of the results with those of an unbroken run.

Run as `python -m tests.integration.bulk.killing moments KILLS ROWS JOBS SEED` or `… calls KILLS ROWS SEED`. Children are forked
from a process that has one thread and has imported everything, so that a run takes no time to start. It prints counts as JSON.
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from click.testing import CliRunner

import service.bulk.run  # all that a run imports
import service.bulk.scoring  # noqa: F401
from service.cli import main as command
from tests.bulk_files import tree, write_orders
from tests.integration.model.killing import traced


class Trial:
    """Orders, the results of an unbroken run over them, and the results of runs that are killed."""

    def __init__(self, folder: Path, rows: int, jobs: int) -> None:
        self.orders, self.results = write_orders(folder / "orders", rows), folder / "results"
        self.arguments = ["bulk", str(self.orders), str(self.results), "--jobs", str(jobs)]
        self.unbroken = self.anew()

    def anew(self) -> dict[str, bytes]:
        """The results of a run over nothing."""
        self.clear()
        self.finish()
        found = dict(tree(self.results))
        self.clear()
        return found

    def clear(self) -> None:
        shutil.rmtree(self.results, ignore_errors=True)

    def run(self) -> None:
        """Run the command in this process, which must go well."""
        done = CliRunner().invoke(command, self.arguments)
        assert done.exit_code == 0, done.output

    def finish(self) -> None:
        """Run it to its end in a child."""
        assert os.waitpid(self.started(), 0)[1] == 0

    def started(self) -> int:
        """Run it in a child that leads a group of processes; its id."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setsid()
                self.run()
                code = 0
            finally:
                os._exit(code)  # what the parent cleans up is left to it
        return child

    def require_same(self, what: str) -> None:
        """Run it to its end, and compare what it leaves."""
        self.finish()
        found = dict(tree(self.results))
        differ = {name for name in found | self.unbroken if found.get(name) != self.unbroken.get(name)}
        assert not differ, f"{what}: {sorted(differ)} differ"


def group(leader: int) -> list[int]:
    """The processes of a group, the leader first."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == leader and fields[0] != "Z":
                    found.append(int(name))
    return sorted(found, key=lambda pid: pid != leader)


def spent(leader: int) -> float:
    """The CPU seconds of all processes of a group."""
    found = 0
    for pid in group(leader):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found += int(fields[11]) + int(fields[12])
    return found / os.sysconf("SC_CLK_TCK")


def kill_at_moments(trial: Trial, kills: int, draw: random.Random, jobs: int) -> dict[str, int]:
    """Kill runs when they have taken a part, drawn at random, of an unbroken run's time, and run each to its end.

    One process of a run is killed, or all of them. Each part of the time has one of the kills.
    """
    child, times = trial.started(), [0.0]
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        times.append(spent(child))
        time.sleep(0.002)
    counts = {"killed": 0, "ended before": 0, "left complete parts": 0, "left drafts": 0}
    for kill in range(kills):
        trial.clear()
        moment = (kill + draw.random()) / kills * max(times)
        child, status = trial.started(), 0
        while spent(child) < moment and os.waitpid(child, os.WNOHANG)[0] == 0:
            time.sleep(0.002)
        every = group(child)
        for pid in every if kill % 3 else draw.sample(every, min(1, len(every))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            status = os.waitpid(child, 0)[1]
        while group(child):  # the workers of one that is killed end by themselves
            time.sleep(0.002)
        counts["killed" if status else "ended before"] += 1
        counts["left complete parts"] += len(list(trial.results.rglob("_parts/**/*.json"))) > 1
        counts["left drafts"] += any(trial.results.glob("_drafts/*"))
        trial.require_same(f"kill {kill} after {moment:.2f} s")
    return counts


def kill_at_calls(trial: Trial, kills: int, draw: random.Random) -> dict[str, int]:
    """Kill runs at system calls, each on entering or leaving it: at every one, or at so many that are spread over a run."""
    stops = traced(trial.run)
    left_drafts = 0
    for kill in range(min(kills, stops)):
        trial.clear()
        at = kill if kills >= stops else int((kill + draw.random()) / kills * stops)
        traced(trial.run, last=at)
        left_drafts += any(trial.results.glob("_drafts/*"))
        trial.require_same(f"call {at}")
    return {"stops": stops, "killed": min(kills, stops), "left drafts": left_drafts}


def main(mode: str, kills: str, rows: str, jobs: str, seed: str) -> None:
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), int(rows), int(jobs))
        if mode == "moments":
            counts = kill_at_moments(trial, int(kills), draw, int(jobs))
        else:
            counts = kill_at_calls(trial, int(kills), draw)
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
