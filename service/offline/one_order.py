"""One order of a file: found by its id, and scored and explained alone. The file is read as far as its chunk."""

from collections.abc import Sequence

from model.core.manifest import Input
from model.core.risk_model import RiskModel
from schemas.files.row import Columns, Reader, Row
from service.offline.chunks import Chunk, Decoder, ScoredChunk, read_chunks, score_chunk
from service.scoring.batch import Options


class OrderNotFound(Exception):
    """No row that can be read has the id. `rejected` rows have a fault, the first of them on `line`."""

    def __init__(self, rejected: int, line: int | None) -> None:
        super().__init__(f"no order has this id; {rejected} rows rejected")
        self.rejected, self.line = rejected, line


def find(inputs: Sequence[Input], reader: Reader, order_id: str) -> Row:
    """The first row with this order id, valid or not. Raises OrderNotFound, and BadFile while it reads."""
    rejected, line = 0, None
    for chunk in read_chunks(inputs, reader):
        if row := _find(chunk, order_id):
            return row
        faulty = _rejected(chunk)
        rejected += len(faulty)
        line = line or min(faulty, default=None)
    raise OrderNotFound(rejected, line)


def score_row(model: RiskModel, reader: Reader, row: Row, options: Options) -> ScoredChunk:
    """The row scored and explained alone: a chunk of one row, scored or rejected."""
    (chunk,) = Decoder(model.manifest.inputs, reader).chunks([row])
    return score_chunk(model, chunk, options)


def _find(chunk: Chunk, order_id: str) -> Row | None:
    if isinstance(chunk.read, Columns):
        return chunk.read[chunk.read.ids.index(order_id)] if order_id in chunk.read.ids else None
    return next((row for row in chunk.read if row.order.get("order_id") == order_id), None)


def _rejected(chunk: Chunk) -> list[int]:
    """The lines of the rows of a chunk that have a fault."""
    return [row.line for row, _ in chunk.rejected] + [chunk.read[at].line for at in chunk.decoded.by_position()]
