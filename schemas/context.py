"""Context: the texts that travel with orders and are never scored, and how often each that the model lists occurs."""

from collections import Counter

from schemas.result import ScoredBatch, queues

OTHER = "other"
"""What a text counts as that the model does not list, so that texts of clients make no metric series."""


def counts(scored: ScoredBatch) -> dict[str, Counter[tuple[str, str]]]:
    """How many answered orders have each text and queue, by the name of the context. Orders without a text do not count."""
    found = {}
    for each in scored.model.manifest.context:
        counted = found[each.name] = Counter[tuple[str, str]]()
        texts = scored.decoded.context.get(each.name)
        for (text, queue), count in Counter(zip(texts, queues(scored), strict=True)).items() if texts else ():
            if text is not None:
                counted[text if text in each.values else OTHER, queue] += count
    return found
