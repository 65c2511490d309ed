"""Parts that are CSV or JSON lines, gzipped or not: read and written as by `delivery-risk score`."""

from collections import Counter
from contextlib import ExitStack, closing
from typing import Any, TextIO

from schemas.files.row import Writer, result_names
from service.bulk.part import Counts
from service.bulk.scoring import Scoring
from service.offline.order_files import read_orders, without_gz
from service.offline.parts import score_parts
from service.offline.results import AllResults
from service.offline.text_files import text_writer
from service.scoring.batch import Options


def score_text(source: Any, name: str, results: str, rejects: str, scoring: Scoring) -> Counts:
    """Score an open file of this name into files at these paths, gzipped by its name. Raises BadFile."""
    model, names, gzipped = scoring.model, result_names(scoring.model.manifest), without_gz(name) != name
    layout = scoring.given.layout(model.manifest.inputs, names)
    counts, rejected = Counter[str](), 0
    with ExitStack() as opened:

        def create(path: str) -> TextIO:
            return opened.enter_context(text_writer(opened.enter_context(open(path, "wb")), gzipped=gzipped))

        orders = opened.enter_context(read_orders(name, source, None, scoring.given, layout))
        found = AllResults(orders.format.writer(create(results), orders.reader, rejected=False, names=names))
        invalid: Writer | None = None
        with closing(score_parts(model, orders.reader, Options(scoring.policy), found, jobs=1)) as parts:
            for part in parts:
                counts.update(part.counts)
                found.add(part.content)
                if part.rejected:
                    invalid = invalid or orders.format.writer(create(rejects), orders.reader, rejected=True)
                    invalid.rejects(part.rejected)
                    rejected += len(part.rejected)
    return Counts(counts.total() + rejected, counts["review"], rejected)
