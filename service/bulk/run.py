"""A run of bulk: which files are scored here, by which engine, and when the set of all files is complete."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from service.bulk.engines import Completed, Engine, Outcomes
from service.bulk.errors import BulkError
from service.bulk.part import (
    MADE_BY,
    PARTS,
    SUCCESS,
    Counts,
    MadeBy,
    Success,
    read,
    read_record,
    record_name,
    text_of,
    withdraw,
)
from service.bulk.place import DRAFTS, Found, Place, absolute, opened
from service.bulk.scoring import Scoring
from service.bulk.source import Source
from service.bulk.work import Failed, Work

_READERS = 16
"""Threads that read records, since a store takes a while for each."""


class Shard(NamedTuple):
    """One of so many (`of`) runs that together score a set of files: each file is in one of them. `number` is from 0."""

    number: int = 0
    of: int = 1


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun: all `files` of the set, and `ours`, which this run scores."""

    files: Sequence[Found]
    ours: Sequence[Found]
    _completed: Completed
    _target: Place
    _made_by: MadeBy

    def outcomes(self) -> Outcomes:
        """Score the files of this run that are not scored yet. Raises WorkerLost and OSError."""
        for outcome in self._completed(file.name for file in self.ours):
            if isinstance(outcome, Failed):  # an earlier run may have scored what the file had then
                withdraw(self._target, outcome.name)
            yield outcome

    def finish(self) -> Success | None:
        """If all parts of the set are complete, say so in a file. None if some are missing. Raises OSError."""
        written = {each.name for each in self._target.files(PARTS)}
        if not written.issuperset(record_name(file.name) for file in self.files):
            return None
        with ThreadPoolExecutor(_READERS) as readers:
            parts = list(readers.map(partial(read_record, self._target), (file.name for file in self.files)))
        counts = Counts()
        for file, part in zip(self.files, parts, strict=True):
            if part is None or (part.input_size, part.made_by) != (file.size, self._made_by):
                return None
            counts += part.counts
        success = Success(len(parts), counts, self._made_by)
        self._target.write(SUCCESS, text_of(success))
        return success


@contextmanager
def begin(source: str, target: str, scoring: Scoring, engine: Engine, shard: Shard, *, force: bool) -> Iterator[Run]:
    """Begin a run over the files at `source`, with results below `target`. Raises BulkError, BadFile, OSError and WorkerLost.

    Results of another model, policy or reading are replaced by `force` alone.
    """
    scoring.given.layout(scoring.model.manifest.inputs)  # raises BadFile
    files, target = Source(absolute(source)), absolute(target)
    with _without_drafts(target), engine(Work(files.url, target, scoring)) as completed:
        orders, results = opened(files.url), opened(target)
        found = files.files(orders)
        if files.meets(orders, results, found):
            raise BulkError(f"{results.url}: IN and OUT overlap; give a folder for results alone")
        _claim(results, scoring.made_by, force=force)
        yield Run(found, found[shard.number :: shard.of], completed, results, scoring.made_by)


@contextmanager
def _without_drafts(target: str) -> Iterator[None]:
    """Remove, after the block, the drafts of processes that ended in it or before."""
    try:
        yield
    finally:
        opened(target).remove_drafts()


def _claim(target: Place, made_by: MadeBy, *, force: bool) -> None:
    """Make the folder one of results that are made in this way. Raises BulkError where it is another one."""
    before = read(target, MADE_BY, MadeBy)
    if before is None and any(not each.name.startswith(f"{DRAFTS}/") for each in target.files()):
        before = read(target, MADE_BY, MadeBy)  # another shard may have begun meanwhile
        if before is None:
            raise BulkError(f"{target.url}: has files that are not results of bulk; give another folder")
    if before == made_by:
        return
    if before is not None and not force:
        differs = [name for name in MadeBy.__struct_fields__ if getattr(before, name) != getattr(made_by, name)]
        raise BulkError(
            f"{target.url}: has results with another {', '.join(differs)}; give another folder, or --force to replace them"
        )
    target.remove(SUCCESS)
    target.write(MADE_BY, text_of(made_by))
