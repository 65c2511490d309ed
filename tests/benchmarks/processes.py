"""What a command uses, with all processes that it starts: those too that it does not wait for, such as daemons.

`python -m tests.benchmarks.processes SECONDS COMMAND …` prints that as JSON. Beyond the seconds it kills them all.
"""

import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.measuring import tree
from tests.control_groups import control_group
from tests.facts import ROOT
from tests.servers import environment

_PR_SET_CHILD_SUBREAPER = 36
_POLL, _SAMPLE = 0.005, 0.2
_ENTER = 'echo $$ > "$0" && exec "$@"'


class Used(NamedTuple):
    """What a command used: CPU `seconds` of all its processes, and seconds by the `clock` until it ended.

    Memory in MiB: the peak (RSS) of its `largest` process, and the most that `all` had at a time (PSS), sampled.
    """

    seconds: float
    clock: float
    largest: float
    all: float


def used(command: Sequence[str | Path], limit: float = 3600, **variables: str) -> Used:
    """Run a command in the repository to its end, and that of each process which it leaves.

    Where no control group can be made, CPU time lacks that of processes whose parent did not wait for them. This process must
    have no other children. It adopts those that lose their parent. Raises RuntimeError if the command fails, or does not end
    within the limit; then all its processes are killed.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    given = environment(**{"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"} | variables)
    with control_group("cpuacct", f"used-{os.getpid()}", ()) as group, tempfile.TemporaryFile() as log:
        begun, sampled, clock, seconds, largest, memory = time.perf_counter(), 0.0, 0.0, 0.0, 0, 0
        entered: list[str | Path] = [] if group is None else ["sh", "-c", _ENTER, group.parent / "cgroup.procs"]
        process = subprocess.Popen([*entered, *command], cwd=ROOT, env=given, stdout=log, stderr=log)
        while (ended := _ended()) is not None:
            pid, status, usage = ended
            now = time.perf_counter() - begun
            if pid:
                seconds, largest = seconds + usage.ru_utime + usage.ru_stime, max(largest, usage.ru_maxrss)
                if pid == process.pid:
                    clock, process.returncode = now, os.waitstatus_to_exitcode(status)
                continue
            with suppress(OSError):  # a process may just have ended
                if now > limit:
                    _kill(tree(os.getpid())[1:])
                elif now > sampled + _SAMPLE:
                    peaks, shares = zip(*map(_memory, tree(os.getpid())[1:]), strict=True)
                    sampled, largest, memory = now, max(largest, *peaks), max(memory, sum(shares))
            time.sleep(_POLL)
        if process.returncode or now > limit:
            log.seek(0)
            words, why = " ".join(map(str, command)), f"exited with {process.returncode} after {now:.0f} s"
            raise RuntimeError(f"{words} {why}: {log.read()[-3000:].decode()}")
        seconds = seconds if group is None else _seconds(group.read_text())
    return Used(seconds, clock, largest / 1024, memory / 1024)


def _seconds(text: str) -> float:
    """CPU seconds in the file of a control group: of nanoseconds in version 1, or beginning with microseconds in version 2."""
    of_2 = re.match(r"usage_usec (\d+)", text)
    return int(of_2[1]) / 1e6 if of_2 else int(text) / 1e9


def _ended() -> tuple[int, int, resource.struct_rusage] | None:
    """What wait4 says of a child that ended; process id 0 if none did, and None if there are none."""
    try:
        return os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return None


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _memory(pid: int) -> tuple[int, int]:
    """KiB of a process: the most it had so far (RSS), and what it has (PSS: of pages that n processes share, one in n)."""
    return _number("VmHWM", Path(f"/proc/{pid}/status")), _number("Pss", Path(f"/proc/{pid}/smaps_rollup"))


def _number(name: str, file: Path) -> int:
    """The number of a line of the file; 0 if it has none, as that of a process that has ended."""
    with suppress(OSError):
        return sum(map(int, re.findall(rf"^{name}:\s+(\d+)", file.read_text(), re.MULTILINE)))
    return 0


def program(name: str) -> Path:
    """A program of this environment."""
    return Path(sys.executable).with_name(name)


if __name__ == "__main__":
    print(json.dumps(used(sys.argv[2:], float(sys.argv[1]))._asdict()))
