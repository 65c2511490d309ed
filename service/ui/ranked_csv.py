"""Ranked CSV: the orders of a scored file by rank, for people who go on with a spreadsheet.

A spreadsheet may take text for a formula. A cell with text of an order that begins like one gets an apostrophe before it, so
that it is text. All other text is of the model, whose names begin with a letter or a digit.
"""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import groupby, repeat

import numpy as np

from schemas.faults import error_list
from schemas.files.csv_rows import FORMULA, quoted, writer
from schemas.files.number_text import number_texts
from schemas.formats.csv import locate
from schemas.result import NAMED, ScoredBatch, listed, named, queues
from service.scoring.selection import ranks_of
from service.ui.ranking import order_of, reasons_of


def encode(scored: ScoredBatch, by: str | None, most_explained: int) -> bytes:
    """A row for each order, in the order of `order_of`; rows of the rejected orders follow.

    The first orders to review have reasons, so many at most. The text begins with a byte order mark, by which spreadsheets know
    UTF-8.
    """
    manifest, decoded, ranks = scored.model.manifest, scored.decoded, ranks_of(scored)
    order, none = order_of(scored, by, ranks), [None] * len(ranks)
    explained, reasons = order[: scored.scores.reviews][:most_explained], [""] * len(ranks)
    for row, texts in zip(explained.tolist(), reasons_of(scored, explained), strict=True):
        reasons[row] = "; ".join(texts)
    model = (manifest.name, manifest.version, str(scored.model.sha256))
    names = ("rank", "order_id", *manifest.context_names, "score", "queue", "reasons", *NAMED, *manifest.input_names)
    stream = StringIO(newline="")
    cells = writer(stream)
    cells.writerow((*names, "errors", "model_name", "model_version", "model_sha256"))
    columns = [
        map(str, ranks.tolist()),
        *(_texts(each) for each in (decoded.batch.ids, *(decoded.context.get(name, none) for name in manifest.context_names))),
        number_texts(scored.scores.scores),
        queues(scored),
        quoted(reasons),
        *(map(" ".join, each) for each in named(scored)),
        *_values(scored),
    ]
    shared = ",".join(("", *quoted(model))) + "\r\n"
    lines = [*map(",".join, zip(*columns, repeat(shared, len(ranks)), strict=True))]
    stream.write("".join(map(lines.__getitem__, order.tolist())))
    for _, faults in groupby(listed(scored), lambda fault: fault.position):
        errors = error_list(faults, locate)
        text = "; ".join(f"{error['pointer']}: {error['code']}" for error in errors)
        order_id = _text(errors[0].get("order_id", ""))
        cells.writerow(("", order_id, *repeat("", len(names) - 2), text, *model))
    return stream.getvalue().encode("utf-8-sig")


def _values(scored: ScoredBatch) -> Iterator[Sequence[str]]:
    """A column for each input: numbers, and the texts of categories as they came; a gap is empty."""
    decoded = scored.decoded
    for at, name in enumerate(scored.model.manifest.input_names):
        if name in decoded.categories:
            yield _texts(text if isinstance(text, str) else None for text in decoded.categories[name])
        else:
            column = decoded.batch.matrix[:, at]
            texts = number_texts(column)
            for gap in np.flatnonzero(np.isnan(column)).tolist():
                texts[gap] = ""
            yield texts


def _texts(given: Iterable[str | None]) -> Sequence[str]:
    return quoted([_text(each or "") for each in given])


def _text(given: str) -> str:
    return f"'{given}" if given.startswith(tuple(FORMULA)) else given
