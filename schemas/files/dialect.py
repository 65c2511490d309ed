"""Dialects of CSV: what separates cells, and how numbers are written. Excel writes that of its user's country.

A dialect is recognised by the beginning of the file. The meaning of a number is never guessed: 1,234 is one only where another
number of the file, such as 0,5 or 12,25, shows that its commas separate decimals.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from model.core.manifest import CATEGORY, Input
from schemas.files.row import Layout

SAMPLE = 200
"""Lines that are looked at."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # a line that Excel writes and reads
_NUMBER = {mark: re.compile(rf"-?(?:0|[1-9][0-9]*)(?:{re.escape(mark)}[0-9]+)?(?:[eE][+-]?[0-9]+)?") for mark in ".,"}
_MAY_BE_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}")
_WITH_COMMAS = re.compile(r"-?[0-9][0-9,.]*")
_NUMBERS = msgspec.json.Decoder(list[float | None])
_NO_NUMBER = re.compile(r"[\t\r\nn]")  # JSON permits spaces and null


def cell_value(cell: str) -> float | str | None:
    """The number of a cell, written as in JSON, None for an empty cell, or its text."""
    if not cell:
        return None
    return float(cell) if _NUMBER["."].fullmatch(cell) else cell


class Dialect(NamedTuple):
    """The `delimiter` of cells and the `decimal` mark of numbers. The mark None: a comma may separate decimals or thousands."""

    delimiter: str = ","
    decimal: str | None = "."

    def value(self, cell: str, of: Input) -> float | str | None:
        """The value of an input in a cell: None if the cell is empty, a number if it is one and may be, or its text."""
        if of.kind == CATEGORY:
            return cell or None
        if self.decimal != ",":
            return cell_value(cell)
        if not cell:
            return None
        return float(cell.replace(",", ".")) if self.is_number(cell) else cell

    def values(self, cells: Sequence[str], of: Input) -> list[Any] | None:
        """The values of an input in cells; None if a cell is empty that must not be, or is not of the kind of the input.

        A JSON list has the same grammar of numbers.
        """
        gaps = "" in cells
        if gaps and not of.optional:
            return None
        if of.kind == CATEGORY:
            return [cell or None for cell in cells]
        comma, text = self.decimal == ",", " ".join(cells)
        if _NO_NUMBER.search(text) or (comma and "." in text):
            return None
        if gaps:
            text = " ".join([cell or "null" for cell in cells])
        text = (text.replace(",", ".") if comma else text).replace(" ", ",")
        try:
            found = _NUMBERS.decode(f"[{text}]")
        except ValueError:
            return None
        return found if len(found) == len(cells) else None

    def is_number(self, cell: str) -> bool:
        """Whether the cell is a number in this dialect."""
        return _NUMBER[self.decimal or "."].fullmatch(cell) is not None

    def is_ambiguous(self, cell: object) -> bool:
        """Whether the value of a cell is the text of a number whose comma could mean either."""
        return self.decimal is None and isinstance(cell, str) and "," in cell and _WITH_COMMAS.fullmatch(cell) is not None

    def number(self, number: float) -> str:
        """The text of a number in this dialect, with all its digits."""
        return repr(number) if self.decimal != "," else repr(number).replace(".", ",")


COMMAS = Dialect()


def recognise(lines: Sequence[str], layout: Layout) -> tuple[Dialect, int]:
    """The dialect of a file that begins with these lines, and how many of them are before the header."""
    sep = _SEP.fullmatch(lines[0]) if lines else None
    before = 1 if sep else 0
    names = frozenset(layout.names.values())

    def known(delimiter: str) -> int:
        return len(names.intersection(next(_rows(lines[before:], delimiter), ())))

    delimiter = layout.delimiter or (sep[1] if sep else max(DELIMITERS, key=known))
    decimal = layout.decimal
    if decimal is None:
        decimal = "." if delimiter == "," else _decimal(_rows(lines[before:], delimiter), layout.names)
    found = []
    if delimiter not in (layout.delimiter, ","):
        found.append(f"{DELIMITERS.get(delimiter, 'another delimiter')} between cells")
    if decimal == "," and layout.decimal is None:
        found.append("decimal commas")
    if found:
        layout.notice(f"recognised {' and '.join(found)}; --delimiter and --decimal set them")
    return Dialect(delimiter, decimal), before


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    with suppress(csv.Error):
        yield from filter(None, csv.reader(lines, delimiter=delimiter))


def _decimal(rows: Iterator[list[str]], names: Mapping[str, str]) -> str | None:
    header = next(rows, [])
    at = [header.index(column) for name, column in names.items() if name != "order_id" and column in header]
    cells = list(chain.from_iterable([row[each] for each in at] for row in rows if len(row) == len(header)))
    commas = any("," in cell and _NUMBER[","].fullmatch(cell) and not _MAY_BE_THOUSANDS.fullmatch(cell) for cell in cells)
    points = any("." in cell and _NUMBER["."].fullmatch(cell) for cell in cells)
    return "," if commas and not points else None
