"""A file of orders read and scored in chunks, so that a file of any length takes little memory.

A chunk is read as columns where all its rows are plainly orders. Otherwise it is halved, so that only the rows around one that
is not are read one by one. The file counts as one batch: an order id of an earlier line is rejected, in any chunk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.core.manifest import Input
from model.core.risk_model import RiskModel
from schemas.faults import CODES
from schemas.files.row import Block, Columns, Reader, Row
from schemas.result import ScoredBatch
from schemas.validation import BatchValidator, DecodedBatch
from service.offline.first_lines import FirstLines
from service.scoring.batch import Options, score_batch
from service.scoring.explanation import explain

CHUNK = 10_000
_FEW = 50
"""So many rows are not read as columns once more."""

Rejected = list[tuple[Row, str]]
"""Rows with the reasons why they have no score, in the file's order."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file: those `read` as orders, `decoded` for a model, and those `rejected` before, with the reason."""

    read: Sequence[Row]
    decoded: DecodedBatch
    rejected: Rejected


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """The `rows` that are `scored`, and rejected rows with the reason, each in the file's order."""

    rows: Sequence[Row]
    scored: ScoredBatch
    rejected: Rejected


def read_chunks(inputs: Sequence[Input], reader: Reader) -> Iterator[Chunk]:
    """The rows of a file in chunks, decoded for a model with these inputs."""
    decoder = Decoder(inputs, reader)
    for block in reader.blocks(CHUNK):
        yield from decoder.chunks(block)


def score_chunks(model: RiskModel, reader: Reader, options: Options) -> Iterator[ScoredChunk]:
    """The rows of a file in chunks, scored."""
    for chunk in read_chunks(model.manifest.inputs, reader):
        yield score_chunk(model, chunk, options)


def score_chunk(model: RiskModel, chunk: Chunk, options: Options) -> ScoredChunk:
    """The chunk scored and explained; rows that get no score are rejected too."""
    scored = explain(score_batch(model, chunk.decoded, options), options)
    invalid = [(chunk.read[position], reason) for position, reason in why_rejected(scored.decoded).items()]
    rejected = sorted(chunk.rejected + invalid, key=lambda each: each[0].line)
    return ScoredChunk(taken(chunk.read, scored.decoded.positions), scored, rejected)


class Decoder:
    """Decodes blocks of a file. `first_lines` has all ids of those that were decoded."""

    def __init__(self, inputs: Sequence[Input], reader: Reader) -> None:
        self.first_lines = FirstLines()
        self._reader = reader
        self._validator = BatchValidator(inputs, CHUNK, reader.contexts)

    def chunks(self, block: Block | list[Row]) -> Iterator[Chunk]:
        """The rows of a block: by columns, but for a few rows around each that has a fault."""
        if not isinstance(block, Block):
            yield self._by_rows(block)
        elif chunk := self.plain(block):
            repeated = self.first_lines.add(chunk.decoded.batch.ids, block.lines)
            rejected = [(chunk.read[at], why_repeated(line)) for at, line in repeated.items()]
            yield Chunk(chunk.read, chunk.decoded.without(dict.fromkeys(repeated, ())), rejected) if repeated else chunk
        elif len(block.texts) > _FEW:
            for half in block.halves():
                yield from self.chunks(half)
        else:
            yield self._by_rows(self._reader.rows(block))

    def plain(self, block: Block) -> Chunk | None:
        """The rows of a block by columns, if all of them are valid but for ids of earlier blocks."""
        columns = self._reader.columns(block)
        decoded = columns and self._validator.typed(columns.ids, columns.values)
        return Chunk(columns, decoded, []) if columns and decoded else None

    def _by_rows(self, rows: list[Row]) -> Chunk:
        named = [row for row in rows if isinstance(row.order.get("order_id"), str)]
        repeated = self.first_lines.add([row.order["order_id"] for row in named], [row.line for row in named])
        first = {named[at].line: line for at, line in repeated.items()}
        reasons = [_why_rejected(row, first.get(row.line)) for row in rows]
        read = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
        rejected = [(row, reason) for row, reason in zip(rows, reasons, strict=True) if reason is not None]
        return Chunk(read, self._validator.decode([row.order for row in read]), rejected)


def taken(rows: Sequence[Row], positions: Sequence[int]) -> Sequence[Row]:
    """The rows at these positions, which are in order and without repetition."""
    if len(positions) == len(rows):
        return rows
    return rows.take(positions) if isinstance(rows, Columns) else [rows[position] for position in positions]


def why_rejected(decoded: DecodedBatch) -> dict[int, str]:
    """Why each order with faults is rejected, by its position."""
    return {
        position: "; ".join(_reason(fault.code, fault.name, fault.hint) for fault in faults)
        for position, faults in decoded.by_position().items()
    }


def _why_rejected(row: Row, first: int | None) -> str | None:
    if row.fault:
        return _reason(row.fault) + (f": {row.detail}" if row.detail else "")
    return None if first is None else why_repeated(first)


def why_repeated(first: int) -> str:
    """Why an order is rejected whose id is on this line before."""
    return f"{_reason('duplicate_order_id', 'order_id')}, on line {first}"


def _reason(code: str, name: str | None = None, hint: str | None = None) -> str:
    return f"{f'{name}: ' if name else ''}{code} ({CODES[code]}{f'; {hint}' if hint else ''})"
