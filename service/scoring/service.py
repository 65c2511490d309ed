"""ScoringService: what happens to a batch of orders, whatever protocol it came by."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol

from msgspec.structs import replace

from model.core.manifest import Manifest
from model.core.risk_model import RiskModel
from schemas import context as contexts
from schemas.formats.table import RequestBody
from schemas.result import ScoredBatch
from service.scoring.batch import Options, score_batch
from service.scoring.explanation import bounded, explain
from service.scoring.holdout import Chooser
from service.serving.active_models import ServedModel, Serving
from service.telemetry.request_context import RequestContext

AT_ONCE_SECONDS = 0.0025
_EXPLAINED = 3
"""How many times as long a batch takes with explanations."""


class BatchRejected(Exception):
    """No order of the batch is answered, because of its faults: `scored` has them."""

    def __init__(self, scored: ScoredBatch) -> None:
        super().__init__("the batch is rejected")
        self.scored = scored


class UnknownContext(Exception):
    """Groups are asked for by a context that the model does not have; it has `known`."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__("the model has no such context")
        self.known = known


class UnknownModel(Exception):
    """The model or the version that is asked for is not the one that is served. `what` is which of both."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} is not served")
        self.what = what


@dataclasses.dataclass(frozen=True, slots=True)
class ModelName:
    """A model by its name and, if not None, its version."""

    name: str
    version: str | None = None

    def require(self, manifest: Manifest) -> None:
        """Raise UnknownModel unless the manifest is that of this model."""
        if self.name != manifest.name:
            raise UnknownModel("model")
        if self.version not in (None, manifest.version):
            raise UnknownModel("version")


class NotAtOnce(BaseException):
    """The answer may need more time than others can wait for it. It is no error, so nothing answers it as one."""


class Challenger(Protocol):
    """Tries a challenger on batches that the champion has answered."""

    def offer(self, challenger: RiskModel, scored: ScoredBatch) -> None:
        """Take the batch, or count that it is dropped; returns at once."""


class NotRecorded(Exception):
    """The decision could not be recorded, so it is not answered."""


class Decisions(Protocol):
    """The decision log."""

    @property
    def waits(self) -> bool:
        """Whether a write may take longer than others can wait for."""

    def write(self, scored: ScoredBatch, options: Options, context: RequestContext) -> str | None:
        """Write the record of a batch that is about to be answered. Its decision id, None where it could not be written and is
        answered all the same. Raises NotRecorded where it must not be.
        """


class ScoringService:
    """Scores batches by the active models of this worker."""

    def __init__(
        self,
        serving: Serving,
        challenger: Challenger,
        decisions: Decisions | None,
        max_explained: int,
        holdout: Chooser | None = None,
    ) -> None:
        self._serving = serving
        self._decisions = decisions
        self._challenger = challenger
        self._max_explained = max_explained
        self._holdout = holdout

    def is_short(self, content: bytes, json_length: int | None = None) -> bool:
        """Whether it is likely to take no more than AT_ONCE_SECONDS to score the batch of this body.

        With binary tensors, so many of its bytes are JSON.
        """
        return self._serving.active.champion.seconds(content, json_length) <= AT_ONCE_SECONDS

    def score(
        self,
        body: RequestBody,
        options: Options,
        context: RequestContext,
        *,
        at_once: bool = False,
        model: ModelName | None = None,
        begun: float | None = None,
    ) -> ScoredBatch:
        """Decode and score the batch in this body. Raises UnknownModel, UnknownContext, MalformedBody, BatchRejected and
        NotRecorded.

        One set of active models serves the request to its end. The context gets the batch, its counts as notes and its timings.
        With `at_once` it raises NotAtOnce where the batch is not plainly valid. A `model` is that which must score; decoding
        may have `begun` before the call.
        """
        active = self._serving.active
        champion = active.champion
        if model is not None:
            model.require(champion.model.manifest)
        if options.by is not None and options.by not in champion.model.manifest.context_names:
            raise UnknownContext(champion.model.manifest.context_names)
        if at_once and self._decisions is not None and self._decisions.waits:
            raise NotAtOnce
        if at_once and options.explain is not None and not _is_short_explained(champion, body, options):
            raise NotAtOnce
        begin = begun or perf_counter()
        decoded = champion.decoder.valid(body) if at_once else champion.decoder.decode(body)
        if decoded is None:
            raise NotAtOnce
        decoded = bounded(champion.model, decoded, options, self._max_explained)
        if self._holdout is not None and not decoded.generated_ids:  # which would be the same rows of each batch
            options = dataclasses.replace(options, holdout=self._holdout)
        read = perf_counter()
        scored = score_batch(champion.model, decoded, options)
        done = perf_counter()
        context.scored = scored
        _note(scored, context.notes)
        if not scored.answerable:
            raise BatchRejected(scored)
        context.timings += (("decode", begin, read), ("score", read, done))
        if options.explain is not None:
            scored = context.scored = explain(scored, options)
            context.timings.append(("explain", done, perf_counter()))
            context.notes["explained"] = 0 if scored.explanations is None else len(scored.explanations)
        if not decoded.received:  # nothing is decided
            return scored
        if self._decisions is not None:
            scored = context.scored = self._recorded(self._decisions, scored, options, context)
        if active.challenger is not None:
            self._challenger.offer(active.challenger, scored)
        return scored

    def _recorded(self, decisions: Decisions, scored: ScoredBatch, options: Options, context: RequestContext) -> ScoredBatch:
        begin = perf_counter()
        decision_id = decisions.write(scored, options, context)
        context.timings.append(("record", begin, perf_counter()))
        if decision_id is None:
            return scored
        context.notes["decision_id"] = decision_id
        return replace(scored, decision_id=decision_id)


def _is_short_explained(served: ServedModel, body: RequestBody, options: Options) -> bool:
    """Whether it is likely to take no more than AT_ONCE_SECONDS to score and explain the batch of this body."""
    json_length = len(body.infer.text) if body.infer is not None and body.infer.tail else None
    return not options.changes and served.seconds(body.content, json_length) * _EXPLAINED <= AT_ONCE_SECONDS


def _by_value(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """The counts of both queues together."""
    found = Counter[str]()
    for (value, _), count in counts.items():
        found[value] += count
    return dict(found)


def _note(scored: ScoredBatch, notes: dict[str, Any]) -> None:
    faults, answered = scored.decoded.faults, scored.answered
    notes |= {
        "model_version": scored.model.manifest.version,
        "model_sha256": scored.model.sha256,
        "orders": answered,
        "review": scored.scores.reviews if answered else 0,
        "refused": scored.decoded.received - answered,
    }
    if answered and scored.model.manifest.context:
        notes["context"] = {name: _by_value(counts) for name, counts in contexts.counts(scored).items()}
    if faults:
        notes["error_codes"] = dict(Counter(fault.code for fault in faults).most_common())
    if scored.selection is not None:
        notes |= scored.selection.options
    if scored.holdout is not None:
        notes["holdout"] = len(scored.holdout.orders) if answered else 0
