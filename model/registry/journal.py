"""The journal of a registry, JOURNAL.jsonl: one JSON object a line for each change of a reference, the newest last.

    {"time": "2026-11-29T11:20:30Z", "user": "anna", "host": "ops-1", "action": "promote",
     "from": {"version": "7", "file": "7.npz", "sha256": "…"}, "to": {"version": "8", …}, "message": "better in rain"}

`from` and `to` are what the file that ACTIONS has for the action referred to, before and after: null is nothing, or an invalid
file. `user` is the user that the command ran as, by number if it has no name. A promotion that was checked has a member
`check` too, see check.py.

An entry is flushed to disk before the reference is changed. A process that is killed in between leaves the entry of a change
that was not made. Lines that are not entries, such as one that a power loss cut short, are ignored.
"""

import json
import os
import pwd
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from model import files
from model.artifact import checks
from model.errors import BadManifest, ModelError, Unreadable, Unwritable
from model.registry import references
from model.registry.check import PromotionCheck, check
from model.registry.references import CHALLENGER, CURRENT, VersionReference

JOURNAL = "JOURNAL.jsonl"
LIMIT = 64 * 2**20
ACTIONS = {"promote": CURRENT, "rollback": CURRENT, "challenge": CHALLENGER, "end_trial": CHALLENGER}


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of a reference. `made` is False if that reference is another at the next change, or now: see read."""

    time: str
    user: str
    host: str
    action: str
    before: VersionReference | None
    after: VersionReference | None
    message: str
    check: PromotionCheck | None = None
    made: bool = True


class Journal(NamedTuple):
    """The entries of a journal, the newest last, and the numbers of the lines that are ignored."""

    entries: tuple[Entry, ...]
    ignored: tuple[int, ...]


def _reference(value: Any, location: str) -> VersionReference | None:
    found: VersionReference | None = None if value is None else references.reference(value, location)
    return found


message = checks.text(r".{0,1000}", "a text of at most 1,000 characters")
_name = checks.text(r".{0,255}", "a text of at most 255 characters")
_FIELDS: checks.Fields = {
    "time": checks.time(),
    "user": _name,
    "host": _name,
    "action": checks.text("|".join(ACTIONS), f"one of {', '.join(ACTIONS)}"),
    "from": _reference,
    "to": _reference,
    "message": message,
}
_entry = checks.object_of(lambda **names: Entry(*names.values()), _FIELDS, {"check": check})


def new_entry(
    action: str,
    before: Sequence[VersionReference],
    after: Sequence[VersionReference],
    checked: PromotionCheck | None,
    why: str,
) -> Entry:
    """The entry of an action now, by this user: `before` and `after` end with what its reference refers to, or are empty."""
    time, host = datetime.now(UTC).strftime(checks.TIME), os.uname().nodename
    was, will_be = (history[-1] if history else None for history in (before, after))
    return Entry(time, _user(), host, action, was, will_be, message(why, "message"), checked)


def append(directory: Path | str, entries: Sequence[Entry]) -> None:
    """Append entries of changes that are about to be made; the caller has the registry's lock. Raises Unwritable."""
    lines = b"".join(json.dumps(_named(entry)).encode() + b"\n" for entry in entries)
    if not lines:
        return
    try:
        with open(files.open_shared(Path(directory, JOURNAL), os.O_APPEND), "ab") as file:
            size = file.tell()
            cut_short = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write(b"\n" * cut_short + lines)
            file.flush()
            os.fsync(file.fileno())
        if size == 0:
            files.flush_names(directory)
    except OSError as error:
        reason = f"cannot be written ({error.strerror}), so nothing was changed; make it writable and repeat the command"
        raise Unwritable(JOURNAL, reason) from error


def _named(entry: Entry) -> dict[str, Any]:
    """The entry under the names of the file, whose order is that of Entry."""
    named = dict(zip((*_FIELDS, "check"), asdict(entry).values(), strict=False))
    return named if entry.check else {name: named[name] for name in _FIELDS}


def read(directory: Path | str) -> Journal:
    """The journal of this registry, empty if it has none. Raises Unreadable and TooLarge.

    An entry was not `made` if what it refers to is not what the next entry of the same reference found, or what the reference
    is now: its process was killed, or is about to make it, or the reference was changed later without an entry.
    """
    entries, ignored = [], []
    for number, line in enumerate(_content(directory).split(b"\n"), 1):
        try:
            if line:
                entries.append(_entry(checks.read_json(line, JOURNAL), JOURNAL))
        except BadManifest:
            ignored.append(number)
    found = {name: _referred(directory, name) for name in (CURRENT, CHALLENGER)}
    for at, entry in reversed([*enumerate(entries)]):
        name = ACTIONS[entry.action]
        entries[at] = replace(entry, made=entry.after == found[name])
        found[name] = entry.before
    return Journal(tuple(entries), tuple(ignored))


def _content(directory: Path | str) -> bytes:
    try:
        return files.read(Path(directory, JOURNAL), LIMIT, JOURNAL)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return b""
        raise


def _referred(directory: Path | str, name: str) -> VersionReference | None:
    try:
        return references.read(directory, name)[-1]
    except ModelError:
        return None


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name.encode(errors="replace").decode()
    except KeyError:
        return str(os.getuid())
