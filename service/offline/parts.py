"""The parts of a file's outputs: what each chunk adds to them, computed in one process or in several."""

from collections import Counter
from collections.abc import Generator
from typing import Any, NamedTuple

from model.core.risk_model import RiskModel
from schemas.files.row import Block, Reader
from schemas.result import queues
from service.offline import chunks
from service.offline.chunks import Decoder, Rejected, ScoredChunk, score_chunk, score_chunks
from service.offline.pool import Pool
from service.offline.results import Results
from service.scoring.batch import Options


class Part(NamedTuple):
    """What a chunk adds: the `content` of its results, counts by queue, and rejected rows."""

    content: Any
    counts: dict[str, int]
    rejected: Rejected


def score_parts(model: RiskModel, reader: Reader, options: Options, results: Results, jobs: int) -> Generator[Part, None, None]:
    """The parts of a file's outputs, in the order of its rows. Raises WorkerLost.

    With more than one job, a chunk with a row that has no score is computed in this process after all, and so is one with an id
    of an earlier chunk, since only this process knows all ids.
    """
    if jobs == 1:
        yield from (_part(chunk, results) for chunk in score_chunks(model, reader, options))
        return
    decoder = Decoder(model.manifest.inputs, reader)

    def work(block: Block) -> tuple[str, Part] | None:
        chunk = decoder.plain(block)
        if chunk is None:
            return None
        scored = score_chunk(model, chunk, options)
        return None if scored.rejected else ("\n".join(scored.scored.decoded.batch.ids), _part(scored, results))

    with Pool(jobs, work) as pool:
        tasks = ((block, block if isinstance(block, Block) else None) for block in reader.blocks(chunks.CHUNK))
        for block, found in pool.map(tasks):
            if isinstance(block, Block) and found and not decoder.first_lines.add(found[0].split("\n"), block.lines):
                yield found[1]
            else:
                yield from (_part(score_chunk(model, chunk, options), results) for chunk in decoder.chunks(block))


def _part(chunk: ScoredChunk, results: Results) -> Part:
    return Part(results.of(chunk), Counter(queues(chunk.scored)), chunk.rejected)
