"""Changes of a registry: one process at a time, under its lock; changes of references are in the journal first.

.lock          locked while the registry is changed; the kernel releases it if that process dies
.draft-*       files that are not published yet; the next change removes those of a process that was killed
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from model import files
from model.lock_file import locked
from model.registry import journal, references
from model.registry.check import PromotionCheck
from model.registry.references import VersionReference

DRAFT = ".draft-"


class Change(NamedTuple):
    """An action of the journal, with the history of its reference before and after; after () there is no such reference.

    `check` is that of a promotion, if there was one.
    """

    action: str
    before: Sequence[VersionReference]
    after: Sequence[VersionReference]
    check: PromotionCheck | None = None


@contextmanager
def changing(directory: Path | str) -> Iterator[None]:
    """Lock the registry and remove old drafts; flush the names in the directory to disk after the block. Raises OSError."""
    with locked(Path(directory, ".lock")):
        for name in os.listdir(directory):
            if name.startswith(DRAFT):
                Path(directory, name).unlink(missing_ok=True)
        yield
        files.flush_names(directory)


def make(directory: Path | str, changes: Sequence[Change], message: str) -> None:
    """Append these changes to the journal, then make them, for the holder of the lock. Raises ModelError and OSError."""
    with ExitStack() as drafts:
        named = [
            drafts.enter_context(files.draft(directory, DRAFT, references.dumps(change.after))) if change.after else None
            for change in changes
        ]
        journal.append(directory, [journal.new_entry(*change, message) for change in changes])
        for change, draft in zip(changes, named, strict=True):
            path = Path(directory, journal.ACTIONS[change.action])
            os.replace(draft, path) if draft else path.unlink()
