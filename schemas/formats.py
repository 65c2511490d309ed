"""Formats: every way in and out, a row each. HTTP takes BODIES by media type, the command line takes FILES by ending."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from model.risk import RiskModel, Scores
from schemas import decision, lines, records, table
from schemas.problem import Fault
from schemas.records import Decoded, Records


@dataclass(frozen=True, slots=True)
class Body:
    """A whole batch as bytes: `decode` raises NotJSON, `pointer` tells a fault's place in this format."""

    decode: Callable[[Records, bytes], Decoded]
    encode: Callable[[RiskModel, Decoded, Scores, Callable[[Fault], str] | None], bytes]
    pointer: Callable[[Fault], str]


BODIES: Final = {"application/json": Body(Records.decode, decision.encode, records.pointer)}


@dataclass(frozen=True, slots=True)
class File:
    """A file of orders, read and written line by line."""

    reader: type[table.Reader] | type[lines.Reader]
    writer: type[table.Writer] | type[lines.Writer]


FILES: Final = {"csv": File(table.Reader, table.Writer), "jsonl": File(lines.Reader, lines.Writer)}
