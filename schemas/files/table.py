"""The table of file formats, by the name that the command line uses."""

from typing import Final, NamedTuple

from schemas.files import csv, jsonl


class FileFormat(NamedTuple):
    """The `reader` and the `writer` of a file of orders. Both take one row at a time."""

    reader: type[csv.Reader] | type[jsonl.Reader]
    writer: type[csv.Writer] | type[jsonl.Writer]


FILES: Final = {"csv": FileFormat(csv.Reader, csv.Writer), "jsonl": FileFormat(jsonl.Reader, jsonl.Writer)}
