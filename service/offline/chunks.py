"""A file of orders read and scored in chunks, so that a file of any length takes little memory.

The file counts as one batch: an order id of an earlier line is rejected, in any chunk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from model.core.risk_model import RiskModel
from schemas.faults import CODES
from schemas.files.row import Row
from schemas.result import Policy, ScoredBatch
from schemas.validation import BatchValidator, DecodedBatch
from service.offline.first_lines import FirstLines
from service.scoring.batch import Options, score_batch

CHUNK = 10_000

Rejected = list[tuple[Row, str]]
"""Rows with the reasons why they have no score, in the file's order."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file: those `read` as orders, `decoded` for a model, and those `unreadable`, with the reason."""

    read: list[Row]
    decoded: DecodedBatch
    unreadable: Rejected


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """The `rows` that are `scored`, and rejected rows with the reason, each in the file's order."""

    rows: list[Row]
    scored: ScoredBatch
    rejected: Rejected


def read_chunks(features: tuple[str, ...], rows: Iterable[Row]) -> Iterator[Chunk]:
    """The rows of a file in chunks, decoded for a model with these features."""
    validator = BatchValidator(features, CHUNK)
    first_lines = FirstLines()
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        first = _first_lines(chunk, first_lines)
        reasons = [_why_unreadable(row, first.get(row.line)) for row in chunk]
        read = [row for row, reason in zip(chunk, reasons, strict=True) if reason is None]
        unreadable = [(row, reason) for row, reason in zip(chunk, reasons, strict=True) if reason is not None]
        yield Chunk(read, validator.decode([row.order for row in read]), unreadable)


def score_chunks(model: RiskModel, rows: Iterable[Row], policy: Policy) -> Iterator[ScoredChunk]:
    """The rows of a file in chunks, scored."""
    for chunk in read_chunks(model.manifest.feature_names, rows):
        scored = score_batch(model, chunk.decoded, Options(policy))
        faulty = [
            (chunk.read[position], "; ".join(_reason(fault.code, fault.name) for fault in faults))
            for position, faults in scored.decoded.by_position().items()
        ]
        rejected = sorted(chunk.unreadable + faulty, key=lambda rejected: rejected[0].line)
        yield ScoredChunk([chunk.read[position] for position in scored.decoded.positions], scored, rejected)


def _first_lines(rows: list[Row], known: FirstLines) -> dict[int, int]:
    """By the line of each row with an order id, the line on which that id was first."""
    ids = {row.line: row.order["order_id"] for row in rows if isinstance(row.order.get("order_id"), str)}
    return dict(zip(ids, known.add(list(ids.values()), list(ids)), strict=True))


def _why_unreadable(row: Row, first: int | None) -> str | None:
    if row.fault:
        return _reason(row.fault) + (f": {row.detail}" if row.detail else "")
    if first is None or first == row.line:
        return None
    return f"{_reason('duplicate_order_id', 'order_id')}, on line {first}"


def _reason(code: str, name: str | None = None) -> str:
    return f"{f'{name}: ' if name else ''}{code} ({CODES[code]})"
