"""Account: the text in which people read why one order has its score. Numbers outside of its table are not rounded."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from model.core.manifest import Value
from model.core.risk_model import RiskModel
from schemas.explanation import Explanation
from schemas.files.row import Row
from schemas.result import Policy, Result
from service.cli.contribution_table import WIDTH, table
from service.cli.loading import plain
from service.offline.account import changed, unrounded, why


@dataclass(frozen=True, slots=True)
class Account:
    """The account of an order: its `row`, and its `result` by this model and policy with the `explanation`."""

    model: RiskModel
    policy: Policy
    row: Row
    result: Result
    explanation: Explanation

    def lines(self, file: str) -> Iterator[str]:
        """The lines of text of an order in a file of this name."""
        yield from self._summary(file)
        yield "\nContributions (rounded): base plus the contributions of all inputs is the logit"
        yield from table(self.model, self.row, self.result, self.explanation)
        yield "\nReasons: the inputs that raise the risk most"
        reasons = [f"{number}. {each.text}" for number, each in enumerate(self.explanation.reasons, 1)]
        for text in reasons or ["none: no input raises the risk"]:
            yield from _indented(plain(text))
        if self.explanation.changes:
            yield "\nChanges: values that alone move the score to the other side of the threshold"
            yield from self._changes(self.explanation.changes)

    def _summary(self, file: str) -> Iterator[str]:
        manifest, found, result = self.model.manifest, self.explanation, self.result
        yield f"order   {plain(result.order_id)}, line {self.row.line} of {plain(file)}"
        yield f"model   {manifest.name} {manifest.version}"
        yield f"sha256  {self.model.sha256}"
        yield f"score   {result.score!r}, threshold {manifest.threshold!r}"
        yield f"queue   {result.queue}: {why(result.score, self.model.manifest.threshold, result.queue)}"
        yield f"policy  {self.policy} for orders out of range"
        yield f"logit   {unrounded(found.logit)}; the score is the sigmoid of it"
        yield f"base    {unrounded(found.base)}; the logit of the mean order of the training data"

    def _changes(self, changes: dict[str, Any]) -> Iterator[str]:
        for of in self.model.manifest.inputs:
            if of.name in changes:
                value: Value = self.row.order.get(of.name)
                yield from _indented(plain(f"{of.name}: {unrounded(value)} -> {changed(value, changes[of.name])}"))
        if self.policy == "review" and self.result.out_of_range:
            yield "The order stays in review while an input is out of range."


def _indented(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
