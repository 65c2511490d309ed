"""References to versions: CURRENT.json, the current version of a registry, and CHALLENGER.json, its challenger.

    {"version": "8", "file": "8.npz", "sha256": "…",
     "before": [{"version": "7", "file": "7.npz", "sha256": "…"}]}

`file` is a plain file name in the directory of the registry, `sha256` the digest of that file. `before`, which is optional,
lists the earlier current versions to roll back to, the newest last. The file is replaced atomically: a reader sees the old or
the new one. Its entries are checked as those of a manifest.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model import files
from model.artifact import checks, manifest
from model.errors import BadManifest, BadPointer, NothingPromoted, Unreadable

CURRENT = "CURRENT.json"
CHALLENGER = "CHALLENGER.json"
BROKEN = "BROKEN.json"
LIMIT = 64 * 2**10
KEPT = 100


@dataclass(frozen=True, slots=True)
class VersionReference:
    """A version of a registry, the name of its file and the SHA-256 of that file."""

    version: str
    file: str
    sha256: str


_FIELDS = {
    "version": manifest.version,
    "file": checks.text(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,67}", "a plain name of letters, digits, '.', '_', '+', '-', at most 68"),
    "sha256": checks.text(r"[0-9a-f]{64}", "64 hexadecimal digits"),
}
reference = checks.object_of(VersionReference, _FIELDS)
_current = checks.object_of(dict, _FIELDS, {"before": checks.list_of(reference, least=0)})


def read(directory: Path | str, name: str = CURRENT) -> tuple[VersionReference, ...]:
    """The history of the registry: the versions to roll back to, then the current version. Raises ModelError."""
    try:
        data = files.read(Path(directory, name), LIMIT, name)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NothingPromoted(name, "not found; no version was promoted yet") from error
        raise
    return loads(data, name)


def loads(data: bytes, name: str = CURRENT) -> tuple[VersionReference, ...]:
    """The history in the bytes of the file of this name. Raises BadPointer."""
    try:
        current = _current(checks.read_json(data, name), name)
    except BadManifest as error:
        raise BadPointer(error.location, error.reason) from error
    return (*current.pop("before", ()), VersionReference(**current))


def dumps(history: Sequence[VersionReference]) -> bytes:
    """The file of the last KEPT versions of this history. The same history gives the same bytes."""
    *before, current = map(asdict, history[-KEPT:])
    return json.dumps(current | {"before": before}, indent=1).encode() + b"\n"
