"""Tokens file: a line is added to it completely or not at all.

The file is replaced by one that has the line too, so that no service reads half of it. Of lines that are added at once none is
lost: a lock file beside it lets one process after the other add.
"""

import os
from pathlib import Path

from model import files
from model.errors import ModelError, Unreadable
from model.lock_file import locked
from service.auth import tokens
from service.auth.token_store import LIMIT
from service.auth.tokens import BadTokens


def add(path: str, line: str) -> None:
    """Add this line to the file, which keeps its owner and permissions, or make a new file. Raises BadTokens and OSError."""
    target = Path(os.path.realpath(path))  # through a link, the file that it leads to
    with locked(target.with_name(f".{target.name}.lock")):
        content = _content(target)
        before = b"" if content is None else content + b"\n" * (content[-1:] not in (b"", b"\n"))
        after = before + line.encode() + b"\n"
        tokens.parse(after)
        if len(after) > LIMIT:
            raise BadTokens(f"with the line over {LIMIT} bytes; remove tokens that are not used")
        with files.draft(target.parent, f".{target.name}.", after, files.permissions(target)) as draft:
            if content is not None:
                status = target.stat()
                os.chown(draft, status.st_uid, status.st_gid)
            os.replace(draft, target)


def _content(target: Path) -> bytes | None:
    """The bytes of the file; None if there is none."""
    try:
        return files.read(target, LIMIT)
    except ModelError as error:
        if isinstance(error, Unreadable) and isinstance(error.__cause__, FileNotFoundError):
            return None
        raise BadTokens(error.reason) from error
