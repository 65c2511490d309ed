"""Store: a directory of immutable versions of one model, and the pointer to the one that is current.

    8.npz          the model file of version 8, which never changes its content
    CURRENT.json, CHALLENGER.json   see pointer.py
    BROKEN.json    what stood in CURRENT.json when it could not be read and a version was promoted nevertheless
    .lock          held by whoever changes the store; the kernel releases it when its holder dies
    .draft-*       a file that has no name yet; whoever has the lock next removes what a killed holder left

A file gets its name only once its bytes are safe on disk and found sound, in one step that either happened or did not. So
whoever reads needs no lock: at any moment each version is whole and the pointer is the old or the new one.
"""

import fcntl
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from model import files
from model.artifact import model_file, npz
from model.artifact.manifest import VERSION
from model.core.risk_model import RiskModel
from model.errors import (
    AlreadyCurrent,
    BadPointer,
    ModelError,
    NothingBefore,
    NothingPromoted,
    OtherFeatures,
    OtherModel,
    TooLarge,
    Unreadable,
    VersionMismatch,
    VersionTaken,
)
from model.registry import references
from model.registry.references import VersionReference

_FILE = re.compile(rf"({VERSION})\.npz")
_DRAFT = ".draft-"


def list_versions(directory: Path | str) -> list[str]:
    """The versions that have a file here, sound or not, numbers in them in their order: 1.9 before 1.10. Raises OSError."""
    found = (_FILE.fullmatch(name) for name in os.listdir(directory))
    return sorted((match[1] for match in found if match), key=_order)


def current(directory: Path | str) -> VersionReference:
    """Where the store points: cheap, and unchanged until another version is promoted. Raises ModelError."""
    return references.read(directory)[-1]


def load(directory: Path | str, at: VersionReference, *, reserved: Collection[str] = ()) -> RiskModel:
    """The model that is pointed at, sound and fit to give delay risks. Raises ModelError."""
    return _kept(directory, at.file, at.version, reserved, at.sha256)


def held(directory: Path | str, version: str, *, reserved: Collection[str] = ()) -> RiskModel:
    """The model that the store has under this version, whether or not it was ever promoted. Raises ModelError."""
    if not re.fullmatch(VERSION, version):
        raise Unreadable("version", "a store has no version of such a name")
    try:
        return _kept(directory, _name(version), version, reserved)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise Unreadable(f"version {version}", "not in the store") from error
        raise


def publish(file: Path | str, directory: Path | str, *, reserved: Collection[str] = ()) -> RiskModel:
    """Add the model in this file under its version; published again, it changes nothing. Raises ModelError and OSError.

    VersionTaken where the version has other content, OtherModel where the store's versions are of another model.
    """
    data = files.read(file, npz.LIMIT)
    model = model_file.loads(data)
    model.require_risk(reserved)
    name = _name(model.manifest.version)
    with _changing(directory):
        _require_same_model(directory, model)
        with files.draft(directory, _DRAFT, data) as draft:
            try:
                os.link(draft, Path(directory, name))
            except FileExistsError:
                if _bytes(directory, name) != data:
                    raise VersionTaken(name, "published before, with other content") from None
    return model


def promote(
    version: str, directory: Path | str, *, reserved: Collection[str] = ()
) -> tuple[VersionReference, ModelError | None]:
    """Make this version the current one, if it is sound, and end a trial of it. Raises ModelError and OSError.

    A pointer that says nothing sound is set aside and begun anew, without what was current before: its error comes back too.
    """
    history: tuple[VersionReference, ...] = ()
    broken = None
    with _changing(directory):
        model = held(directory, version, reserved=reserved)
        try:
            history = references.read(directory)
        except NothingPromoted:
            pass
        except (BadPointer, TooLarge) as error:
            references.set_aside(directory)
            broken = error
        promoted = VersionReference(version, _name(version), str(model.sha256))
        if history[-1:] != (promoted,):
            references.write(directory, _DRAFT, (*history, promoted))
        _end_trial_of(version, directory)
    return promoted, broken


def rollback(directory: Path | str, *, reserved: Collection[str] = ()) -> VersionReference:
    """Make current again what was so before the last promotion, the same bytes, and end a trial of it.

    Raises ModelError and OSError.
    """
    with _changing(directory):
        *history, _ = references.read(directory)
        if not history:
            raise NothingBefore(references.CURRENT, "no version was current before this one")
        load(directory, history[-1], reserved=reserved)
        references.write(directory, _DRAFT, history)
        _end_trial_of(history[-1].version, directory)
    return history[-1]


def challenger(directory: Path | str) -> VersionReference | None:
    """Which version is to be tried beside the current one, if any. Raises ModelError."""
    try:
        return references.read(directory, references.CHALLENGER)[-1]
    except NothingPromoted:
        return None


def challenge(version: str | None, directory: Path | str, *, reserved: Collection[str] = ()) -> None:
    """Have this version tried beside the current one, if it is another, sound, and takes the same features.

    None ends the trial. Raises ModelError and OSError.
    """
    with _changing(directory):
        if version is None:
            _end_trial(directory)
            return
        model, champion = held(directory, version, reserved=reserved), current(directory)
        if version == champion.version:
            raise AlreadyCurrent(f"version {version}", "the current one, which would be tried beside itself")
        require_same_features(load(directory, champion, reserved=reserved), model)
        at = VersionReference(version, _name(version), str(model.sha256))
        references.write(directory, _DRAFT, [at], references.CHALLENGER)


def require_same_features(champion: RiskModel, challenger: RiskModel) -> None:
    """Raise OtherFeatures unless both models take the same features in the same order."""
    if champion.manifest.feature_names != challenger.manifest.feature_names:
        raise OtherFeatures("manifest.features", "not those of the current version, or in another order")


def _end_trial_of(version: str, directory: Path | str) -> None:
    with suppress(ModelError):  # a trial that cannot be read is of no version
        tried = challenger(directory)
        if tried is not None and tried.version == version:
            _end_trial(directory)


def _end_trial(directory: Path | str) -> None:
    Path(directory, references.CHALLENGER).unlink(missing_ok=True)


@contextmanager
def _changing(directory: Path | str) -> Iterator[None]:
    """Alone with the store, without what the killed left; afterwards its names are safe on disk. Raises OSError."""
    with open(Path(directory, ".lock"), "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in os.listdir(directory):
            if name.startswith(_DRAFT):
                Path(directory, name).unlink(missing_ok=True)
        yield
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _require_same_model(directory: Path | str, model: RiskModel) -> None:
    for version in list_versions(directory):
        try:
            name = held(directory, version).manifest.name
        except ModelError:
            continue
        if name != model.manifest.name:
            raise OtherModel("manifest.name", f"{model.manifest.name}, but the store holds versions of {name}")
        return


def _bytes(directory: Path | str, name: str) -> bytes:
    return files.read(Path(directory, name), npz.LIMIT, name)


def _kept(directory: Path | str, name: str, version: str, reserved: Collection[str], sha256: str | None = None) -> RiskModel:
    """The model in the file of a version. Who reads of an error in it knows the store alone, so it is one of that file."""
    data = _bytes(directory, name)
    try:
        model = model_file.loads(data, sha256)
        model.require_risk(reserved)
        if version != model.manifest.version:
            raise VersionMismatch("manifest.version", "not the version that the store has the file under")
    except ModelError as error:
        place = name if error.place == "file" else f"{name}: {error.place}"
        raise type(error)(place, error.reason) from error
    return model


def _name(version: str) -> str:
    return f"{version}.npz"


def _order(version: str) -> tuple[list[str | int], str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", version)], version
