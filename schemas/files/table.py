"""The table of file formats: the command line finds the reader and the writer by the name of the format."""

from dataclasses import dataclass
from typing import Final

from schemas.files import csv, jsonl


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of a file of orders, read and written row by row."""

    reader: type[csv.Reader] | type[jsonl.Reader]
    writer: type[csv.Writer] | type[jsonl.Writer]


FILES: Final = {"csv": FileFormat(csv.Reader, csv.Writer), "jsonl": FileFormat(jsonl.Reader, jsonl.Writer)}
