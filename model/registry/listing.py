"""The listing of a registry: its versions with their marks and last promotions, and what is wrong with any of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.core.manifest import Reserved, no_names
from model.core.risk_model import RiskModel
from model.errors import ModelError, NothingPromoted
from model.registry import journal, versions
from model.registry.journal import Entry, Journal
from model.registry.references import CURRENT, VersionReference


@dataclass(frozen=True, slots=True)
class Promotion:
    """When, by whom and why a version became current."""

    time: str
    user: str
    host: str
    message: str


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version, its last promotion in the journal, and what its file contains or the `error` in it."""

    version: str
    current: bool
    challenger: bool
    promoted: Promotion | None
    sha256: str | None = None
    created: str | None = None
    threshold: float | None = None
    features: int | None = None
    illustrative: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The `names` of the versions that have a file or are referred to, sorted but for those without a file, which are last.

    `current` and `challenger` are None where there is none, or an invalid one. `promotions` are by version. The `errors` are
    those of the references and of the journal, which is empty then.
    """

    directory: Path | str
    names: tuple[str, ...]
    current: VersionReference | None
    challenger: VersionReference | None
    journal: Journal
    promotions: Mapping[str, Promotion]
    errors: tuple[ModelError, ...]

    def load(self, name: str, *, reserved: Reserved = no_names) -> RiskModel:
        """The model of this version; of one that is referred to, the bytes that the reference is to. Raises ModelError."""
        at = next((each for each in (self.current, self.challenger) if each is not None and each.version == name), None)
        if at is None:
            return versions.get(self.directory, name, reserved=reserved)
        return versions.load(self.directory, at, reserved=reserved)

    def version(self, name: str, *, reserved: Reserved = no_names) -> ListedVersion:
        """The version of this name. It is loaded and tested, which takes time."""
        current = self.current is not None and self.current.version == name
        challenger = self.challenger is not None and self.challenger.version == name and not current
        listed = (name, current, challenger, self.promotions.get(name))
        try:
            found = self.load(name, reserved=reserved)
        except ModelError as error:
            return ListedVersion(*listed, error=str(error))
        manifest = found.manifest
        return ListedVersion(
            *listed, found.sha256, manifest.created, manifest.threshold, len(manifest.features), manifest.illustrative
        )


def read(directory: Path | str) -> Listing:
    """The listing of this registry. Raises OSError where its files cannot be listed."""
    names, errors = versions.list_versions(directory), list[ModelError]()
    current = _reference(versions.current, directory, errors)
    challenger = _reference(versions.challenger, directory, errors)
    found = Journal((), ())
    try:
        found = journal.read(directory)
    except ModelError as error:
        errors.append(error)
    referred = [each.version for each in (current, challenger) if each is not None]
    names = list(dict.fromkeys([*names, *referred]))
    return Listing(directory, tuple(names), current, challenger, found, _promotions(found.entries), tuple(errors))


def _reference(
    read: Callable[[Path | str], VersionReference | None], directory: Path | str, errors: list[ModelError]
) -> VersionReference | None:
    try:
        return read(directory)
    except NothingPromoted:
        return None
    except ModelError as error:
        errors.append(error)
        return None


def _promotions(entries: Iterable[Entry]) -> dict[str, Promotion]:
    """The last promotion, or rollback, to each version that the journal has."""
    return {
        entry.after.version: Promotion(entry.time, entry.user, entry.host, entry.message)
        for entry in entries
        if entry.made and entry.after and journal.ACTIONS[entry.action] == CURRENT
    }
