"""The registry: a directory of immutable versions of one model, with references to the current version and the challenger.

    8.npz          the model file of version 8, whose content never changes
    CURRENT.json, CHALLENGER.json   see references.py
    JOURNAL.jsonl  who changed these references, when and why, see journal.py
    BROKEN.json    an invalid CURRENT.json that a promotion replaced
    .lock, .draft-*   see changes.py

A file gets its name in one atomic step, after it was checked and flushed to disk. So reading needs no lock: at any moment each
version is complete, and a reference is the old or the new one.

In all functions `reserved` gives the names that no input of a servable model may have, and `message` is the reason of a change
for the journal.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from model import errors, files
from model.artifact import model_file, npz
from model.artifact.manifest import VERSION
from model.core.manifest import Reserved, no_names
from model.core.risk_model import RiskModel
from model.errors import ModelError, Unreadable, VersionTaken
from model.registry import references
from model.registry.changes import DRAFT, Change, changing, make
from model.registry.check import PromotionCheck
from model.registry.references import VersionReference

_MOST_NAMES = 10
_FILE = re.compile(rf"({VERSION})\.npz")


def list_versions(directory: Path | str) -> list[str]:
    """The versions that have a file, valid or not, sorted by the numbers in them: 1.9 before 1.10. Raises OSError."""
    found = (_FILE.fullmatch(name) for name in os.listdir(directory))
    return sorted((match[1] for match in found if match), key=_order)


def current(directory: Path | str) -> VersionReference:
    """The reference to the current version, which stays the same until another is promoted. Raises ModelError."""
    return references.read(directory)[-1]


def challenger(directory: Path | str) -> VersionReference | None:
    """The reference to the challenger, if there is one. Raises ModelError."""
    try:
        return references.read(directory, references.CHALLENGER)[-1]
    except errors.NothingPromoted:
        return None


def load(directory: Path | str, at: VersionReference, *, reserved: Reserved = no_names) -> RiskModel:
    """The valid, servable model that this reference is to. Raises ModelError."""
    return _load(directory, at.file, at.version, reserved, at.sha256)


def get(directory: Path | str, version: str, *, reserved: Reserved = no_names) -> RiskModel:
    """The valid, servable model of this version, promoted or not. Raises ModelError."""
    if not re.fullmatch(VERSION, version):
        raise Unreadable("version", "not a version name")
    try:
        return _load(directory, _file(version), version, reserved)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            known = list_versions(directory)
            has = f"which has {', '.join(known[-_MOST_NAMES:])}{' and others' * (len(known) > _MOST_NAMES)}"
            raise Unreadable(f"version {version}", f"not in the registry, {has if known else 'which is empty'}") from error
        raise


def publish(file: Path | str, directory: Path | str, *, reserved: Reserved = no_names) -> RiskModel:
    """Add the model in this file under its version. Publishing it again changes nothing. Raises ModelError and OSError.

    VersionTaken if the version has other content, NotAllowed if the registry has versions of another model.
    """
    data = files.read(file, npz.LIMIT)
    model = model_file.loads(data)
    model.require_risk(reserved)
    name = _file(model.manifest.version)
    with changing(directory):
        _require_same_model(directory, model)
        with files.draft(directory, DRAFT, data) as draft:
            try:
                files.give_name(draft, Path(directory, name))
            except FileExistsError:
                if files.read(Path(directory, name), npz.LIMIT, name) != data:
                    raise VersionTaken(name, "published before with other content; give the model a new version") from None
    return model


def promote(
    version: str,
    directory: Path | str,
    *,
    reserved: Reserved = no_names,
    message: str = "",
    force: bool = False,
    check: PromotionCheck | None = None,
) -> tuple[VersionReference, ModelError | None]:
    """Make this version the current one; if it is the challenger, its trial ends. Raises ModelError and OSError.

    NotAllowed without `force` for an illustrative model where the current version is another's, or is invalid; and where the
    `check`, which goes into the journal, is against a version that is not the current one.
    An invalid CURRENT.json is kept as BROKEN.json, and a new history begins. Its error is returned with the reference.
    """
    history: tuple[VersionReference, ...] = ()
    broken = None
    with changing(directory):
        model = get(directory, version, reserved=reserved)
        promoted = _reference(model)
        try:
            history = references.read(directory)
        except errors.NothingPromoted:
            pass
        except (errors.BadPointer, errors.TooLarge) as error:
            with files.draft(directory, DRAFT, Path(directory, references.CURRENT).read_bytes()) as kept:
                os.replace(kept, Path(directory, references.BROKEN))
            broken = error
        if model.manifest.illustrative and not force and history and not _is_illustrative(directory, history[-1]):
            reason = "illustrative, and the current version is not; give --force to promote it all the same"
            raise errors.NotAllowed(f"version {version}", reason)
        if check is not None and check.against not in [each.sha256 for each in history[-1:]]:
            raise errors.NotAllowed(f"version {version}", "the current version changed during the check; repeat the command")
        promotion = [Change("promote", history, (*history, promoted), check)] if history[-1:] != (promoted,) else []
        make(directory, [*promotion, *_end_of_trial(version, directory)], message)
    return promoted, broken


def rollback(directory: Path | str, *, reserved: Reserved = no_names, message: str = "") -> VersionReference:
    """Make the version before the last promotion current again, the same bytes. Raises ModelError and OSError.

    If it is the challenger, its trial ends.
    """
    with changing(directory):
        history = references.read(directory)
        *earlier, _ = history
        if not earlier:
            raise errors.NotAllowed(references.CURRENT, "no earlier version to roll back to")
        load(directory, earlier[-1], reserved=reserved)
        made = [Change("rollback", history, earlier), *_end_of_trial(earlier[-1].version, directory)]
        make(directory, made, message)
    return earlier[-1]


def challenge(version: str | None, directory: Path | str, *, reserved: Reserved = no_names, message: str = "") -> None:
    """Make this version the challenger; None ends the trial. Raises ModelError and OSError.

    NotAllowed for the current version, OtherFeatures if it does not take the same features as the current version.
    """
    with changing(directory):
        before = _tried(directory)
        if version is None:
            if os.path.lexists(Path(directory, references.CHALLENGER)):
                make(directory, [Change("end_trial", before, ())], message)
            return
        model, champion = get(directory, version, reserved=reserved), current(directory)
        if version == champion.version:
            raise errors.NotAllowed(f"version {version}", "the current version; choose another version as challenger")
        require_same_features(load(directory, champion, reserved=reserved), model)
        tried = (_reference(model),)
        if before != tried:
            make(directory, [Change("challenge", before, tried)], message)


def require_same_features(champion: RiskModel, challenger: RiskModel) -> None:
    """Raise OtherFeatures unless both models take the same features in the same order."""
    if champion.manifest.takes != challenger.manifest.takes:
        raise errors.OtherFeatures("manifest.features", "not the features of the current version in the same order")


def _is_illustrative(directory: Path | str, at: VersionReference) -> bool:
    try:
        return load(directory, at).manifest.illustrative
    except ModelError:
        return False


def _tried(directory: Path | str) -> Sequence[VersionReference]:
    """The reference to the challenger, if there is a valid one."""
    with suppress(ModelError):
        return references.read(directory, references.CHALLENGER)
    return ()


def _end_of_trial(version: str, directory: Path | str) -> list[Change]:
    """The change that ends the trial of this version, if it is the challenger."""
    tried = _tried(directory)
    return [Change("end_trial", tried, ()) for reference in tried if reference.version == version]


def _require_same_model(directory: Path | str, model: RiskModel) -> None:
    for version in list_versions(directory):
        try:
            name = get(directory, version).manifest.name
        except ModelError:
            continue
        if name != model.manifest.name:
            raise errors.NotAllowed("manifest.name", f"{model.manifest.name}, but the registry has versions of {name}")
        return


def _load(directory: Path | str, name: str, version: str, reserved: Reserved, sha256: str | None = None) -> RiskModel:
    """The model in the file of this name; the location of an error in it begins with that name."""
    data = files.read(Path(directory, name), npz.LIMIT, name)
    try:
        model = model_file.loads(data, sha256)
        model.require_risk(reserved)
        if version != model.manifest.version:
            raise errors.VersionMismatch("manifest.version", "not the version of its file name in the registry")
    except ModelError as error:
        location = name if error.location == "file" else f"{name}: {error.location}"
        raise type(error)(location, error.reason) from error
    return model


def _reference(model: RiskModel) -> VersionReference:
    return VersionReference(model.manifest.version, _file(model.manifest.version), str(model.sha256))


def _file(version: str) -> str:
    return f"{version}.npz"


def _order(version: str) -> tuple[list[str | int], str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", version)], version
