"""Kill a process at each of its system calls, and check the registry that it leaves.

The child asks to be traced, as by a debugger: it stops as it enters a call, and again as it leaves it. Killed at the first
stop the call never happened, killed at the second nothing after it did. Run as
`python -m tests.integration.model.killing SCENARIO TWICE`, apart from the threads of a test run, which a fork would not copy.
"""

import ctypes
import json
import os
import random
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from model.registry import journal, references, versions
from tests.registries import State, drafts, holding, state, version_of

_TRACEME, _SYSCALL, _SETOPTIONS, _SYSGOOD, _EXITKILL = 0, 24, 0x4200, 1, 0x100000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request: int, child: int, data: int = 0) -> None:
    if _libc.ptrace(request, child, None, data) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


@dataclass(frozen=True)
class Scenario:
    """Versions `published`, `promoted` in this order and `tried`; what is `done` then, and what that makes of a state."""

    published: str
    promoted: str
    done: Callable[[Path, Path], object]
    outcome: Callable[[State], State]
    tried: str | None = None


def _promote(version: str) -> Callable[[Path, Path], object]:
    return lambda _, directory: versions.promote(version, directory)


def _published(before: State) -> State:
    return sorted({*before[0], "9"}), before[1]


def _promoted(before: State) -> State:
    versions, history = before
    return versions, history if history[-1:] == versions[-1:] else [*history, versions[-1]]


SCENARIOS = {
    "publish": Scenario("12", "12", versions.publish, _published),
    "publish the first": Scenario("", "", versions.publish, _published),
    "publish again": Scenario("19", "1", versions.publish, _published),
    "promote": Scenario("123", "12", _promote("3"), _promoted),
    "promote the first": Scenario("1", "", _promote("1"), _promoted),
    "promote the current": Scenario("12", "12", _promote("2"), _promoted),
    "rollback": Scenario("1234", "1234", lambda _, path: versions.rollback(path), lambda before: (before[0], before[1][:-1])),
    "challenge": Scenario("12", "1", lambda _, path: versions.challenge("2", path), lambda before: before),
    "promote the challenger": Scenario("12", "1", _promote("2"), _promoted, tried="2"),
}


def traced(work: Callable[[], object], last: int | None = None) -> int:
    """Do the work in a child that is killed at its stop number `last`, from 0; how many stops it came to."""
    child = os.fork()
    if child == 0:
        _ptrace(_TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        os._exit(0)
    os.waitpid(child, 0)
    _ptrace(_SETOPTIONS, child, _SYSGOOD | _EXITKILL)
    stops = 0
    while True:
        _ptrace(_SYSCALL, child)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            assert status == 0, f"the work failed by itself: {status}"
            return stops
        assert os.WSTOPSIG(status) == signal.SIGTRAP | 0x80, f"stopped by signal {os.WSTOPSIG(status)}"
        if stops == last:
            os.kill(child, signal.SIGKILL)
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
            return stops
        stops += 1


def cut_short(work: Callable[[], object], most: int) -> None:
    """Do the work in a child that the kernel ends in the midst of a write, after `most` bytes of a file."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGXFSZ), f"ended with {status}"


class Trial:
    """A scenario's registry, made anew for every child that is killed in it, with a draft that one killed earlier left."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario, self.file = scenario, folder / "new.npz"
        self.directory = holding(folder / "registry", scenario.published, scenario.promoted)
        if scenario.tried is not None:
            versions.challenge(scenario.tried, self.directory)
        self.file.write_bytes(version_of("9"))
        (self.directory / ".draft-of-the-dead").write_bytes(b"PK")
        self.image: Mapping[str, bytes] = {path.name: path.read_bytes() for path in self.directory.iterdir()}

    def do(self) -> None:
        self.scenario.done(self.file, self.directory)

    def killed(self, *killers: Callable[[Callable[[], object]], object]) -> None:
        """Do it under each of these, who do not let it end, and then undisturbed; check the registry each time."""
        for path in self.directory.iterdir():
            path.unlink()
        for name, data in self.image.items():
            (self.directory / name).write_bytes(data)
        seen = state(self.directory)
        for killer in killers:
            killer(self.do)
            before, seen = seen, state(self.directory)
            assert seen in (before, self.scenario.outcome(before)), f"{before} became {seen}"
            assert len(drafts(self.directory)) <= 2
            self.require_recorded()
        self.do()
        assert state(self.directory) == self.scenario.outcome(seen), f"{seen}, repeated, became {state(self.directory)}"
        assert drafts(self.directory) == []
        self.require_recorded()

    def require_recorded(self) -> None:
        """Each reference is that of the last entry made for it, so no change was made without an entry."""
        entries = [entry for entry in journal.read(self.directory).entries if entry.made]
        for name in (references.CURRENT, references.CHALLENGER):
            recorded = [entry.after for entry in entries if journal.ACTIONS[entry.action] == name]
            found = references.read(self.directory, name)[-1] if (self.directory / name).exists() else None
            assert recorded[-1:] == [found] or (found is None and not recorded), f"{name}: {found}, but {recorded}"


def main(name: str, twice: int) -> None:
    """Kill at every stop, in the midst of writes, and this many times at two stops drawn at random; print the counts."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(SCENARIOS[name], Path(folder))
        stops = traced(trial.do)
        for stop in range(stops):
            trial.killed(partial(traced, last=stop))
        sizes = [0, 1, 100, 400, len(version_of("9")) - 1]
        for size in sizes:
            trial.killed(partial(cut_short, most=size))
        draw = random.Random(name)
        for _ in range(twice):
            first, second = draw.randrange(stops), draw.randrange(stops)
            trial.killed(partial(traced, last=first), partial(traced, last=second))
    json.dump({"stops": stops, "writes": len(sizes), "twice": twice}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
