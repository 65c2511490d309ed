"""The parts of a file's outputs: what each chunk adds to them, computed in one process or in several."""

import heapq
from collections import Counter
from collections.abc import Generator, Iterable
from typing import NamedTuple

import numpy as np

from model.core.risk_model import RiskModel
from schemas.files.row import Block, Reader, Row, Writer
from schemas.result import Policy, Result, queues, results
from service.offline import chunks
from service.offline.chunks import Decoder, Rejected, ScoredChunk, score_chunk, score_chunks, taken
from service.offline.pool import Pool


class Part(NamedTuple):
    """What a chunk adds: the `text` of its results, or the `highest` of them, counts by queue, and rejected rows."""

    text: str
    highest: list[tuple[Row, Result]]
    counts: dict[str, int]
    rejected: Rejected


def score_parts(
    model: RiskModel, reader: Reader, policy: Policy, writer: Writer, top: int | None, jobs: int
) -> Generator[Part, None, None]:
    """The parts of a file's outputs, in the order of its rows, with all results or the `top` highest. Raises WorkerLost.

    With more than one job, a chunk with a row that has no score is computed in this process after all, and so is one with an id
    of an earlier chunk, since only this process knows all ids.
    """
    if jobs == 1:
        yield from (_part(chunk, writer, top) for chunk in score_chunks(model, reader, policy))
        return
    decoder = Decoder(model.manifest.inputs, reader)

    def work(block: Block) -> tuple[str, Part] | None:
        chunk = decoder.plain(block)
        if chunk is None:
            return None
        scored = score_chunk(model, chunk, policy)
        return None if scored.rejected else ("\n".join(scored.scored.decoded.batch.ids), _part(scored, writer, top))

    with Pool(jobs, work) as pool:
        tasks = ((block, block if isinstance(block, Block) else None) for block in reader.blocks(chunks.CHUNK))
        for block, found in pool.map(tasks):
            if isinstance(block, Block) and found and not decoder.first_lines.add(found[0].split("\n"), block.lines):
                yield found[1]
            else:
                yield from (_part(score_chunk(model, chunk, policy), writer, top) for chunk in decoder.chunks(block))


def highest(top: int, scored: Iterable[tuple[Row, Result]]) -> list[tuple[Row, Result]]:
    """The rows with the highest scores, ties by order id."""
    return heapq.nsmallest(top, scored, key=lambda scored: (-scored[1].score, scored[1].order_id))


def _part(chunk: ScoredChunk, writer: Writer, top: int | None) -> Part:
    counts = Counter(queues(chunk.scored))
    if top is None:
        return Part(writer.text(chunk.rows, chunk.scored), [], counts, chunk.rejected)
    scores, found = chunk.scored.scores.scores, results(chunk.scored)
    least = np.partition(scores, -top)[-top] if len(scores) > top else 0.0
    positions = np.flatnonzero(scores >= least).tolist()
    return Part(
        "",
        highest(top, zip(taken(chunk.rows, positions), [found[at] for at in positions], strict=True)),
        counts,
        chunk.rejected,
    )
