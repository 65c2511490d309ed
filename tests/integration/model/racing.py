"""Processes that change one registry at the same moment, while others read it.

Run as `python -m tests.integration.model.racing ROUNDS`, apart from the threads of a test run, which a fork would not copy.
"""

import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.errors import NothingPromoted, VersionTaken
from model.registry import journal, loader, references, versions
from tests.registries import drafts, holding, publish, state, version_of

_forking = multiprocessing.get_context("fork")


def together(works: Sequence[Callable[[], object]]) -> list[Any]:
    """What each of these gives, done by a process of its own, all let go at once."""
    barrier = _forking.Barrier(len(works))
    pipes = [_forking.Pipe(duplex=False) for _ in works]

    def child(work: Callable[[], object], answers: Any) -> None:
        barrier.wait()
        answers.send(work())

    children = [_forking.Process(target=child, args=(work, pipe[1])) for work, pipe in zip(works, pipes, strict=True)]
    for each in children:
        each.start()
    for each in children:
        each.join()
        assert each.exitcode == 0
    return [pipe[0].recv() for pipe in pipes]


def publishers(folder: Path, counters: Counter[str]) -> None:
    """Two publish a version each, and both the version 1 with content of their own; two more publish the same content."""
    directory = holding(folder / "registry", "", "")
    for weight in (2.0, 3.0):
        (folder / f"{weight}.npz").write_bytes(version_of("1", weight))
        (folder / f"{weight}.own.npz").write_bytes(version_of(f"own-{weight:g}", weight))
    (folder / "same.npz").write_bytes(version_of("same"))

    def both(weight: float) -> str:
        versions.publish(folder / f"{weight}.own.npz", directory)
        try:
            versions.publish(folder / f"{weight}.npz", directory)
        except VersionTaken:
            return "rejected"
        return "taken"

    def same() -> None:
        versions.publish(folder / "same.npz", directory)

    answers = together([lambda: both(2.0), lambda: both(3.0), same, same, lambda: watched(directory)])
    assert sorted(answers[:2]) == ["rejected", "taken"]
    assert state(directory) == (["1", "own-2", "own-3", "same"], [])
    winner = 2.0 if answers[0] == "taken" else 3.0
    assert (directory / "1.npz").read_bytes() == version_of("1", winner)
    assert drafts(directory) == []
    counters.update(publications=6, reads=answers[-1], **{f"won by {winner:g}": 1})


def promoters(folder: Path, counters: Counter[str]) -> None:
    """Two promote two versions each while one rolls back twice: six steps from a history of three, and none is lost."""
    directory = holding(folder / "registry", "1234567", "123")

    def two(promoted: str) -> None:
        for version in promoted:
            versions.promote(version, directory)

    def back() -> None:
        for _ in range(2):
            versions.rollback(directory)

    *_, reads = together([lambda: two("45"), lambda: two("67"), back, lambda: watched(directory)])
    history = [each.version for each in references.read(directory)]
    assert len(set(history)) == len(history) == 3 + 4 - 2
    for first, second in ("45", "67"):
        assert not {first, second} <= {*history} or history.index(first) < history.index(second)
    assert [entry.made for entry in journal.read(directory).entries] == [True] * (3 + 6)
    assert drafts(directory) == []
    counters.update(promotions=4, rollbacks=2, reads=reads)


def mortals(folder: Path, counters: Counter[str]) -> None:
    """Three publish and promote one version after the other, and two of them are killed as they do."""
    directory = holding(folder / "registry", "", "")

    def one_after_the_other(letter: str) -> None:
        for number in range(1, 6):
            file = folder / f"{letter}.npz"
            file.write_bytes(version_of(f"{letter}{number}"))
            versions.publish(file, directory)
            versions.promote(f"{letter}{number}", directory)

    children = [_forking.Process(target=one_after_the_other, args=(letter,)) for letter in "abc"]
    for child in children:
        child.start()
    for child in children[:2]:
        time.sleep(random.uniform(0, 0.02))
        child.kill()
    for child in children:
        child.join()
    assert children[2].exitcode == 0
    assert len(drafts(directory)) <= 1
    publish(directory, "last")
    found, history = state(directory)
    assert drafts(directory) == []
    for letter in "abc":
        own = [version for version in found if version[0] == letter]
        assert own == [f"{letter}{number}" for number in range(1, len(own) + 1)]
        assert [version for version in history if version[0] == letter] in (own, own[:-1])
    assert "c5" in history
    counters.update(killed=2 - sum(child.exitcode == 0 for child in children[:2]))


def watched(directory: Path) -> int:
    """Read the registry repeatedly: each version must be valid. How often it was read."""
    for _ in range(20):
        for version in versions.list_versions(directory):
            versions.get(directory, version)
        try:
            assert loader.load(directory).manifest.version in versions.list_versions(directory)
        except NothingPromoted:
            assert not (directory / references.CURRENT).exists()
    return 20


def main(rounds: int) -> None:
    """So many rounds of each race; print how often what was done."""
    counters: Counter[str] = Counter()
    for _ in range(rounds):
        for race in (publishers, promoters, mortals):
            with tempfile.TemporaryDirectory() as folder:
                race(Path(folder), counters)
    json.dump(counters, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
