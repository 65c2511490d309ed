"""Files of orders that are read from a stream: CSV, JSON lines or a JSON array, gzipped or not, in any encoding."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from model.core.manifest import Input
from schemas.files import encoding
from schemas.files.row import BadFile, Layout, Reader
from schemas.files.table import ENDINGS, FILES, UNREADABLE, FileFormat, format_of

_GZIPPED = ".gz"
_BEGINNING = 4096


@dataclass(frozen=True, slots=True)
class Given:
    """What a user says of a file of orders; None is recognised. `columns` has the file's names by those of the model."""

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    na: str = ""

    def layout(
        self,
        inputs: Sequence[Input],
        reserved: Sequence[str] = (),
        contexts: Sequence[str] = (),
        notice: Callable[[str], None] = lambda _: None,
    ) -> Layout:
        """The layout of files for a model with these inputs. Raises BadFile for a name in `columns` that the model has not.

        `reserved` are the names that the output adds, and `contexts` those of the model's contexts that are read.
        """
        unknown = [name for name in self.columns if name not in ("order_id", *(each.name for each in inputs), *contexts)]
        if unknown:
            raise BadFile(f"--rename {unknown[0]}: the model has no such input")
        return Layout(
            inputs,
            contexts,
            self.columns,
            "order_id" in self.columns,
            delimiter=self.delimiter,
            decimal=self.decimal,
            reserved=reserved,
            na=self.na,
            notice=notice,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """An open file of orders: its `reader`, the `writer` of its results and their `ending`.

    `raw` is the file itself: its position and its `size` (None: unknown) give the progress, its `sha256` what has been read.
    """

    format: FileFormat
    reader: Reader
    raw: "_Digested"
    size: int | None


class _Digested(io.RawIOBase):
    """A binary file whose bytes are digested as they are read. An OSError of reading is raised as BadFile."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        # A pipe is not waited for until the buffer is full. A file of pyarrow has no readinto1.
        self._readinto = stream.readinto1 if hasattr(stream, "readinto1") else stream.readinto
        self._digest = hashlib.sha256()
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            count = int(self._readinto(buffer))
        except gzip.BadGzipFile:
            raise
        except OSError as error:
            raise BadFile(error.strerror or str(error)) from None
        self._digest.update(memoryview(buffer)[:count])
        self._position += count
        return count

    def tell(self) -> int:
        return self._position

    def sha256(self) -> str:
        """The digest of the complete file: what is left of it is read."""
        while self.read(2**20):
            pass
        return self._digest.hexdigest()


@contextmanager
def read_orders(name: str, stream: BinaryIO, size: int | None, given: Given, layout: Layout) -> Iterator[Source]:
    """Read orders from a binary stream with `readinto1` or `readinto`, which is left open. `layout` is one of `given`.

    The ending of `name` is a hint at the format, and `size` the bytes of the stream, if known. Raises BadFile, also while the
    file is read in the block: its message is for the user, who knows the file's name; it may have text of the file.
    """
    try:
        raw = _Digested(stream)
        content = io.BufferedReader(cast(io.RawIOBase, raw))
        if content.peek(2)[:2] == b"\x1f\x8b":
            content = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=content)))
        format, pieces = _text(name, content, given, layout.notice)
        _require_csv(format, layout)
        yield Source(format, format.reader(pieces, layout), raw, size)
    except UnicodeDecodeError as error:
        raise BadFile(f"not all of it is {error.encoding}; give its --encoding") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BadFile("its compressed content is broken") from None


def without_gz(path: str) -> str:
    """The path without the ending of a gzipped file."""
    return path[: -len(_GZIPPED)] if path.lower().endswith(_GZIPPED) else path


def _text(
    path: str, content: "io.BufferedReader[Any]", given: Given, notice: Callable[[str], None]
) -> tuple[FileFormat, Iterator[str]]:
    """The format of a file and its text, divided as the format's reader takes it. Raises BadFile."""
    beginning = content.peek(_BEGINNING)[:_BEGINNING]
    if not beginning:
        raise BadFile("the file is empty")
    for mark, what in UNREADABLE.items():
        if beginning.startswith(mark):
            raise BadFile(f"it is {what}")
    used = given.encoding or encoding.recognise(beginning)
    if given.encoding is None and used != encoding.DEFAULT:
        notice(f"recognised {used.upper()}; --encoding sets another")
    begins = beginning.decode(used, "ignore").lstrip("\ufeff")
    ending = Path(without_gz(path)).suffix.lower()
    name = given.format or format_of(ending, begins)
    if given.format is None and name != ENDINGS.get(ending, name):
        notice(f"recognised the format {name}; --format sets another")
    format = FILES[name]
    pieces = format.pieces(io.TextIOWrapper(content, used, "surrogateescape", newline=""))
    return format, chain([next(iter(pieces), "").lstrip("\ufeff")], pieces)


def _require_csv(format: FileFormat, layout: Layout) -> None:
    """Raise BadFile where an option for CSV is given and the file is JSON."""
    for option, value in (("--delimiter", layout.delimiter), ("--decimal", layout.decimal), ("--na", layout.na)):
        if value and format.ending != "csv":
            raise BadFile(f"{option} is for CSV; JSON has no cells")
