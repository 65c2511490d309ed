"""The table of file formats, by the name that the command line uses, and how files that it cannot read are recognised."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple, TextIO

from schemas.files import csv, csv_reader, json_array, jsonl
from schemas.files.row import Reader, Writer

_PIECE = 2**16


def _in_pieces(text: TextIO) -> Iterator[str]:
    return iter(partial(text.read, _PIECE), "")


class FileFormat(NamedTuple):
    """The `reader` and the `writer` of a file of orders, the ending of what the writer writes, and how the text is divided."""

    reader: Callable[..., Reader]
    writer: Callable[..., Writer]
    ending: str
    pieces: Callable[[TextIO], Iterable[str]] = iter


FILES: Final = {
    "csv": FileFormat(csv_reader.Reader, csv.Writer, "csv"),
    "jsonl": FileFormat(jsonl.Reader, jsonl.Writer, "jsonl"),
    "json": FileFormat(json_array.Reader, jsonl.Writer, "jsonl", _in_pieces),
}
ENDINGS: Final = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}

UNREADABLE: Final = {
    b"PAR1": "a Parquet file; `delivery-risk bulk` scores it, if its name ends in .parquet",
    b"PK\x03\x04": "an Excel workbook or another zip archive; export it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; export it as CSV",
    b"ARROW1": "an Arrow file; write it as CSV or JSON lines",
    b"SQLite format 3": "a database; export it as CSV",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; compress it by gzip, or not",
    b"BZh": "compressed by bzip2; compress it by gzip, or not",
    b"\xfd7zXZ": "compressed by xz; compress it by gzip, or not",
}
"""What a file is that begins with these bytes, and what to do."""


def format_of(ending: str, beginning: str) -> str:
    """The name of the format of a file with this ending, in small letters, and this beginning of its text."""
    named = ENDINGS.get(ending)
    begins_as_json = beginning.lstrip()[:1] == "{"
    if named == "csv" and not begins_as_json:
        return "csv"
    array = json_array.BEGINNING.match(beginning)
    if array and beginning[array.end() : array.end() + 1] in ("{", "]"):  # otherwise it may be a name in brackets
        return "json"
    if named or begins_as_json:
        return "jsonl"
    return "csv"
