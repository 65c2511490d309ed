"""Bulk: a file of orders through the corridor, chunk by chunk, so that a file of any length takes little memory.

The file counts as one batch: an order id that stood on an earlier line is refused, wherever the chunks part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from model.core.risk_model import RiskModel
from schemas.faults import CODES
from schemas.files.row import Row
from schemas.result import Policy, Result, results
from schemas.validation import BatchValidator, DecodedBatch
from service.scoring.batch import Options, score_batch

CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file: those that could be read as orders, what came of them, and the others with the reason."""

    read: list[Row]
    decoded: DecodedBatch
    unread: list[tuple[Row, str]]


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk's outcome: rows with their results, and rows with why they were refused, both in the file's order."""

    results: list[tuple[Row, Result]]
    refusals: list[tuple[Row, str]]


def decode(validator: BatchValidator, rows: Iterable[Row]) -> Iterator[Chunk]:
    """The rows of a file as batches for a model."""
    first_lines: dict[str, int] = {}
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        reasons = [_unread(row, first_lines) for row in chunk]
        read = [row for row, reason in zip(chunk, reasons, strict=True) if reason is None]
        unread = [(row, reason) for row, reason in zip(chunk, reasons, strict=True) if reason is not None]
        yield Chunk(read, validator.decode([row.order for row in read]), unread)


def run(model: RiskModel, rows: Iterable[Row], policy: Policy) -> Iterator[Scored]:
    """Score the rows of a file."""
    for chunk in decode(BatchValidator(model.manifest.feature_names, CHUNK), rows):
        scored = score_batch(model, chunk.decoded, Options(policy))
        by_position = zip(scored.decoded.positions, results(scored), strict=True)
        found = [(chunk.read[position], result) for position, result in by_position]
        yield Scored(found, refusals(replace(chunk, decoded=scored.decoded)))


def refusals(chunk: Chunk) -> list[tuple[Row, str]]:
    """The rows of a chunk that are no orders, or whose orders have faults, with why, in the file's order."""
    faulty = [
        (chunk.read[position], "; ".join(_reason(fault.code, fault.name) for fault in faults))
        for position, faults in chunk.decoded.by_position().items()
    ]
    return sorted(chunk.unread + faulty, key=lambda refusal: refusal[0].line)


def _unread(row: Row, first_lines: dict[str, int]) -> str | None:
    if row.fault:
        return _reason(row.fault)
    order_id = row.order.get("order_id")
    if not isinstance(order_id, str):
        return None
    first = first_lines.setdefault(order_id, row.line)
    return None if first == row.line else f"{_reason('duplicate_order_id', 'order_id')}, on line {first}"


def _reason(code: str, name: str | None = None) -> str:
    return f"{f'{name}: ' if name else ''}{code} ({CODES[code]})"
