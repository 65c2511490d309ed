"""Shown registry: the versions of the registry that is served, the newest first, and the latest entries of its journal.

A version is loaded to see whether it is valid. That takes time, so after SECONDS the other ones are named alone.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from model.errors import ModelError
from model.registry.journal import JOURNAL, Entry
from model.registry.listing import ListedVersion, Listing, read
from model.registry.references import CHALLENGER, CURRENT
from schemas.files.row import reserved_names
from service.ui.visit import Visit

SECONDS = 1.0
MOST_VERSIONS = MOST_ENTRIES = 50
_ADVICE = {
    CURRENT: "`delivery-risk model promote` replaces it.",
    CHALLENGER: "`delivery-risk model challenge` replaces it.",
    JOURNAL: "Make it a file that the service may read.",
}


class NoRegistry(Exception):
    """There is no registry to show. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version by its `name`; `listed` is None where the time was over before it was loaded."""

    name: str
    listed: ListedVersion | None


@dataclass(frozen=True, slots=True)
class ShownRegistry:
    """The `listing`, its newest `versions` and how many older ones there are, and its newest `entries` and how many older."""

    listing: Listing
    versions: Sequence[ShownVersion]
    older_versions: int
    entries: Sequence[Entry]
    older_entries: int

    @property
    def errors(self) -> Sequence[str]:
        """What is wrong with the references and the journal, and what to do."""
        return list(map(_sentence, self.listing.errors))

    @property
    def loaded_all(self) -> bool:
        """Whether all versions that are shown were loaded."""
        return all(each.listed is not None for each in self.versions)


def is_served(visit: Visit) -> bool:
    """Whether a registry is served, and not one model file."""
    served = visit.active.states["champion"].served
    return os.path.isdir(visit.components.settings.model) or (served is not None and bool(served.file))


def listing(visit: Visit) -> Listing:
    """What the registry has. Raises NoRegistry."""
    if not is_served(visit):
        raise NoRegistry("This service serves one model file and no registry, so there are no versions to compare.")
    try:
        return read(visit.components.settings.model)
    except OSError as error:
        raise NoRegistry(f"The registry cannot be read ({error.strerror}). The service continues with its model.") from None


def shown_registry(visit: Visit) -> ShownRegistry:
    """The registry to show. Raises NoRegistry."""
    found = listing(visit)
    names, entries = found.names[::-1], found.journal.entries
    return ShownRegistry(
        found,
        [*_loaded(found, names[:MOST_VERSIONS])],
        max(0, len(names) - MOST_VERSIONS),
        entries[: -MOST_ENTRIES - 1 : -1],
        max(0, len(entries) - MOST_ENTRIES),
    )


def _loaded(found: Listing, names: Sequence[str]) -> Iterator[ShownVersion]:
    end = monotonic() + SECONDS
    for name in names:
        yield ShownVersion(name, found.version(name, reserved=reserved_names) if monotonic() < end else None)


def _sentence(error: ModelError) -> str:
    advice = next((text for name, text in _ADVICE.items() if error.location.startswith(name)), "")
    return f"{error.location}: {error.reason}. {advice}"
