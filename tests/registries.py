"""Registries for tests."""

import os
from dataclasses import replace
from pathlib import Path

from model.artifact import model_file
from model.errors import NothingPromoted
from model.registry import loader, references, versions
from model.registry.journal import JOURNAL
from model.registry.references import VersionReference
from tests.models import one_input

State = tuple[list[str], list[str]]


def version_of(version: str, weight: float = 1.0, name: str = "made") -> bytes:
    """The file of a version of a model; another weight is other content."""
    made = one_input(weight, 0.25)
    return model_file.dumps(replace(made, manifest=replace(made.manifest, version=version, name=name)))


def publish(directory: Path, version: str, weight: float = 1.0, name: str = "made") -> bytes:
    """Publish a version from a file outside the registry; its bytes."""
    data = version_of(version, weight, name)
    file = directory.with_name(f"{directory.name}.outside")
    file.write_bytes(data)
    versions.publish(file, directory)
    return data


def holding(directory: Path, published: str, promoted: str) -> Path:
    """A new registry of these versions, each of one letter, of which these were promoted one after the other."""
    directory.mkdir()
    for version in published:
        publish(directory, version)
    for version in promoted:
        versions.promote(version, directory)
    return directory


def refer(directory: Path, at: VersionReference, name: str = references.CURRENT) -> None:
    """Let the reference of this name be this one alone, as no command would."""
    draft = directory.with_name(f"{directory.name}.{name}")
    draft.write_bytes(references.dumps([at]))
    os.replace(draft, directory / name)


def state(directory: Path) -> State:
    """The versions and the history of a registry, all of which must be valid."""
    found = versions.list_versions(directory)
    tried = versions.challenger(directory)
    assert tried is None or versions.load(directory, tried).manifest.version == tried.version
    for version in found:
        assert versions.get(directory, version).manifest.version == version
    try:
        history = [each.version for each in references.read(directory)]
    except NothingPromoted:
        return found, []
    assert loader.load(directory).manifest.version == history[-1]
    return found, history


def drafts(directory: Path) -> list[str]:
    """The files of a registry that are neither versions nor references."""
    known = [".lock", JOURNAL, references.CURRENT, references.CHALLENGER, references.BROKEN]
    known += [f"{version}.npz" for version in versions.list_versions(directory)]
    return [path.name for path in directory.iterdir() if path.name not in known]
