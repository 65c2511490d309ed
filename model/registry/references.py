"""Pointer: what the file CURRENT.json of a store says, namely which version is current, and CHALLENGER.json, which is tried.

    {"version": "8", "file": "8.npz", "sha256": "…",
     "before": [{"version": "7", "file": "7.npz", "sha256": "…"}]}

`file` is a plain name in the store's directory, `sha256` the digest of its bytes. `before` may be left out: the versions
that were current earlier and can be rolled back to, the newest last. Anything else that is missing, unknown, given twice or
of another type is refused by its path. The file is replaced as a whole, so a reader sees the old or the new one.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model import files
from model.artifact.manifest import A_VERSION, VERSION, unique
from model.errors import BadPointer, NothingPromoted, Unreadable

CURRENT = "CURRENT.json"
CHALLENGER = "CHALLENGER.json"
BROKEN = "BROKEN.json"
LIMIT = 64 * 2**10
KEPT = 100
_FIELDS = {
    "version": (VERSION, A_VERSION),
    "file": (r"[A-Za-z0-9][A-Za-z0-9._+-]{0,67}", "a plain name of letters, digits, '.', '_', '+', '-', at most 68"),
    "sha256": (r"[0-9a-f]{64}", "64 hexadecimal digits"),
}


@dataclass(frozen=True, slots=True)
class VersionReference:
    """A version of a store, the name of its file and the digest of the bytes in it."""

    version: str
    file: str
    sha256: str


def read(directory: Path | str, name: str = CURRENT) -> tuple[VersionReference, ...]:
    """The history of this store: the current version last, before it those to roll back to. Raises ModelError."""
    try:
        data = files.read(Path(directory, name), LIMIT, name)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NothingPromoted(name, "not there; no version was promoted yet") from error
        raise
    return loads(data, name)


def loads(data: bytes, name: str = CURRENT) -> tuple[VersionReference, ...]:
    """The history in these bytes of the file of that name. Raises BadPointer."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise BadPointer(name, "not strict UTF-8 JSON") from error
    before = document.pop("before", []) if isinstance(document, dict) else []
    current = _pointer(document, name)
    if not isinstance(before, list):
        raise BadPointer(f"{name}.before", "expected a list")
    return *(_pointer(entry, f"{name}.before[{index}]") for index, entry in enumerate(before)), current


def dumps(history: Sequence[VersionReference]) -> bytes:
    """The file of this history, of which the last KEPT are kept: the same history gives the same bytes."""
    *before, current = map(asdict, history[-KEPT:])
    return json.dumps(current | {"before": before}, indent=1).encode() + b"\n"


def write(directory: Path | str, prefix: str, history: Sequence[VersionReference], name: str = CURRENT) -> None:
    """Replace the pointer of that name by way of a draft whose name starts with `prefix`. Raises OSError."""
    with files.draft(directory, prefix, dumps(history)) as draft:
        os.replace(draft, Path(directory, name))


def set_aside(directory: Path | str) -> None:
    """Give what stands in CURRENT.json a second name: who replaces it may not be able to read what it says. Raises OSError."""
    Path(directory, BROKEN).unlink(missing_ok=True)
    os.link(Path(directory, CURRENT), Path(directory, BROKEN))


def _pointer(entry: Any, place: str) -> VersionReference:
    if not isinstance(entry, dict):
        raise BadPointer(place, "expected an object")
    for name, (pattern, expected) in _FIELDS.items():
        if name not in entry:
            raise BadPointer(f"{place}.{name}", "missing")
        if not isinstance(entry[name], str) or not re.fullmatch(pattern, entry[name]):
            raise BadPointer(f"{place}.{name}", f"expected {expected}")
    if len(entry) > len(_FIELDS):
        raise BadPointer(place, f"holds a name that is none of {', '.join(_FIELDS)}")
    return VersionReference(**entry)
