"""Limits on processes and what they use, by a control group of version 1 or 2."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers import until

_ROOT = Path("/sys/fs/cgroup")
_FILES = {
    "memory": ("memory.limit_in_bytes", "memory.max"),
    "pids": ("pids.max", "pids.max"),
    "cpuacct": ("cpuacct.usage", "cpu.stat"),
}


@contextmanager
def control_group(controller: str, name: str, processes: Iterable[int]) -> Iterator[Path | None]:
    """A new group with these processes for the block: the file that takes the limit. None where no group can be made.

    `controller` is "memory" (the limit is in bytes), "pids" (in threads) or "cpuacct" (the file has the CPU time that is used).
    """
    limit = _limit(controller, name)
    if limit is None:
        yield None
        return
    group = limit.parent
    try:
        _move(processes, group)
        yield limit
    finally:
        assert until(lambda: _removed(group)), f"{group} is still in use"


def _move(processes: Iterable[int], group: Path) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # it may just have ended
            (group / "cgroup.procs").write_text(str(process))


def _removed(group: Path) -> bool:
    """Whether the group is removed. A process that was just forked, or has ended and is not waited for yet, is in its way."""
    _move(map(int, (group / "cgroup.procs").read_text().split()), group.parent)
    with suppress(OSError):
        group.rmdir()
    return not group.exists()


def _limit(controller: str, name: str) -> Path | None:
    for parent, limit in zip((_ROOT / controller, _ROOT), _FILES[controller], strict=True):
        with suppress(OSError):
            if (parent / "cgroup.procs").exists():
                (parent / name).mkdir()
                if (parent / name / limit).exists():
                    return parent / name / limit
                (parent / name).rmdir()
    return None
