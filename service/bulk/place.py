"""A place: a folder of this machine or of an object store, with the files in it. Needs pyarrow, whose file systems it uses.

A file of a folder gets its name when it is complete: it is written under another name, and renamed. An object of a store gets
its content by one upload, and is seen when the upload is complete.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import fs

from model import files
from service.bulk import drafts
from service.bulk.errors import BulkError
from service.bulk.uploads import upload

DRAFTS = "_drafts"
"""The folder, within a folder of results, of files that are not complete."""

_SLICE = 2**20
_LOCAL = "local"
_GOOGLE_LIMIT = "retry_limit_seconds"


class Found(NamedTuple):
    """A file of a place: its name below the place, its size in bytes, and when it was changed, in nanoseconds since 1970."""

    name: str
    size: int
    changed: int


class Place:
    """The folder at a path or a URL, such as s3://bucket/orders. Its functions raise OSError.

    pyarrow's clients of object stores do not survive a fork: a process that made one must not fork others that use one.
    """

    def __init__(self, url: str) -> None:
        try:
            self._store, root = fs.FileSystem.from_uri(_bounded(url)) if "://" in url else (fs.LocalFileSystem(), url)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BulkError(f"{shown(url)}: {first_line(error).replace(url, shown(url))}") from None
        self.url, self.is_local = shown(url), self._store.type_name == _LOCAL
        if not self.is_local and not root.strip("/"):
            raise BulkError(f"{self.url}: names no bucket; give one, as in s3://bucket/orders")
        self.root = (os.path.realpath(root) if self.is_local else root).rstrip("/")

    def below(self, other: "Place") -> str | None:
        """The steps from this place down to the other, "" if it is the same one, None if it is not in this one."""
        inside = self._store.type_name == other._store.type_name and f"{other.root}/".startswith(f"{self.root}/")
        return other.root[len(self.root) + 1 :] if inside else None

    def files(self, below: str = "") -> list[Found]:
        """All files in the place, by name; none if there is no such folder."""
        folder = self._path(below) if below else self.root
        infos = self._store.get_file_info(fs.FileSelector(folder, allow_not_found=True, recursive=True))
        return sorted(self._found(each) for each in infos if each.type == fs.FileType.File)

    def file(self, name: str) -> Found | None:
        """The file of this name, None if there is none."""
        info = self._store.get_file_info(self._path(name))
        return self._found(info) if info.type == fs.FileType.File else None

    def read(self, name: str) -> Any:
        """The file of this name, open to read at any position: a pyarrow.NativeFile."""
        return self._store.open_input_file(self._path(name))

    def stream(self, name: str) -> Any:
        """The file of this name, open to read from its beginning on: a pyarrow.NativeFile. Compressed content stays so."""
        return self._store.open_input_stream(self._path(name), compression=None, buffer_size=_SLICE)

    def content(self, name: str) -> bytes:
        """All bytes of the file of this name."""
        with self.read(name) as file:
            data: bytes = file.read()
            return data

    def etag(self, name: str) -> str | None:
        """What a store has to identify the content of the file, None if it has nothing."""
        if self.is_local:
            return None
        with self.read(name) as file:
            etag = {key.lower(): value for key, value in (file.metadata() or {}).items()}.get("etag")
        return None if etag is None else etag.decode().strip('"')

    def fingerprint(self, name: str) -> dict[str, str]:
        """What identifies the content of the file: its `etag`, or else its `sha256`."""
        etag = self.etag(name)
        if etag is not None:
            return {"etag": etag}
        with self.read(name) as file:
            return {"sha256": digest(file)}

    @contextmanager
    def draft(self) -> Iterator[str]:
        """The path of a new file of this machine, for `publish`. It is removed after the block."""
        with drafts.named(self._path(DRAFTS)) if self.is_local else drafts.unnamed() as path:
            yield path

    def publish(self, draft: str, name: str) -> None:
        """Give the content of a draft this name, in one step."""
        target = self._path(name)
        if not self.is_local:
            upload(draft, self._store, target)
            return
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(draft, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(draft, files.permissions(target))
        os.replace(draft, target)
        files.flush_names(os.path.dirname(target))

    def write(self, name: str, content: bytes) -> None:
        """Write a small file in one step."""
        with self.draft() as path:
            Path(path).write_bytes(content)
            self.publish(path, name)

    def remove(self, name: str) -> None:
        """Remove the file of this name, if there is one."""
        if self.file(name) is not None:
            with suppress(FileNotFoundError):  # another process has removed it
                self._store.delete_file(self._path(name))

    def remove_drafts(self) -> None:
        """Remove the drafts that ended processes have left."""
        if self.is_local:
            drafts.remove_left(self._path(DRAFTS))

    def _found(self, info: Any) -> Found:
        return Found(info.path[len(self.root) + 1 :], info.size, info.mtime_ns or 0)

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"


def absolute(url: str) -> str:
    """The URL, or the path from the root of this machine, for a process with another working directory."""
    return url if "://" in url else os.path.abspath(url)


opened = cache(Place)
"""The place at a URL, made once in a process, since a client of an object store takes a second to make."""


def shown(url: str) -> str:
    """A URL for messages: without the options and the user of an object store, which may be secrets."""
    return re.sub(r"(?<=://)[^/?]*@", "", url.partition("?")[0]) if "://" in url else url


def _bounded(url: str) -> str:
    """The URL with a limit for how long Google's client tries again, which is a quarter of an hour by itself."""
    if not url.startswith(("gs://", "gcs://")) or _GOOGLE_LIMIT in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}{_GOOGLE_LIMIT}=60"


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder that it is in, has a name that begins with _ or .: readers of a folder leave it out."""
    return any(step.startswith(("_", ".")) for step in name.split("/"))


def digest(file: Any) -> str:
    """The SHA-256 of a file from its position on."""
    found = hashlib.sha256()
    while data := file.read(_SLICE):
        found.update(data)
    return found.hexdigest()


def first_line(error: BaseException) -> str:
    """The first line of what a library says of an error."""
    return (str(error) or type(error).__name__).splitlines()[0]
