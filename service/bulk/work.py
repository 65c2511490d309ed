"""The work of a run: one part, in any process of any machine. Nothing that it raises for a file ends the run."""

import zlib
from dataclasses import dataclass

import pyarrow as pa

from schemas.files.row import BadFile
from service.bulk.part import Part, read_record
from service.bulk.place import Place, first_line, opened
from service.bulk.score_part import score_part
from service.bulk.scoring import Scoring

_ERRORS = (BadFile, OSError, MemoryError, EOFError, zlib.error, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class Done:
    """A part that is complete. `skipped`: an earlier run scored it."""

    part: Part
    skipped: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be scored, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Work:
    """Scores the file of a name from the place at one URL into that at another, unless it has been scored in the same way."""

    source: str
    target: str
    scoring: Scoring

    def __call__(self, name: str) -> Done | Failed:
        """The part of this name."""
        try:
            source, target = opened(self.source), opened(self.target)
            before = read_record(target, name)
            if before is not None and self._is_current(before, source, target):
                return Done(before, skipped=True)
            return Done(score_part(source, name, target, self.scoring), skipped=False)
        except _ERRORS as error:
            return Failed(name, first_line(error))

    def _is_current(self, part: Part, source: Place, target: Place) -> bool:
        """Whether the record is of what the file has now, and its files are there."""
        if part.made_by != self.scoring.made_by:
            return False
        found = [(target.file(name), written.size) for name, written in part.files.items()]
        complete = all(file is not None and file.size == size for file, size in found)
        return complete and part.fingerprint == source.fingerprint(part.name)
