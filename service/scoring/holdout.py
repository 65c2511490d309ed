"""Holdout: which of the orders that would go to review stay out of it. An order out of range is never one of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from model.core.few_rows import FewScores
from model.core.risk_model import Scores
from schemas.holdout import Holdout

_BYTES = 8


class Chooser(Protocol):
    """Chooses the `share` of orders that stay out of review."""

    @property
    def share(self) -> float:
        """The share of all orders that it chooses."""

    def choose(self, ids: Sequence[str], candidates: Sequence[int]) -> list[int]:
        """Those of the candidates that are chosen. They are indices of the ids, in ascending order."""


@dataclass(frozen=True, slots=True)
class KeyedChooser:
    """Chooses by a keyed hash of the order id: the same order always, and none that others can foresee without the key.

    The key has at most 64 bytes.
    """

    share: float
    key: bytes = field(repr=False)

    def choose(self, ids: Sequence[str], candidates: Sequence[int]) -> list[int]:
        """Those whose hash is in the lowest part of all hashes, which is as large as the share."""
        end = self.share * 256**_BYTES
        return [at for at in candidates if int.from_bytes(self._hash(ids[at])) < end]

    def _hash(self, order_id: str) -> bytes:
        return blake2b(order_id.encode(), digest_size=_BYTES, key=self.key).digest()


@dataclass(frozen=True, slots=True)
class RecordedChooser:
    """Chooses the `orders` of these indices again, without a key."""

    share: float
    orders: Collection[int]

    def choose(self, ids: Sequence[str], candidates: Sequence[int]) -> list[int]:
        """Those that are among the orders."""
        return [at for at in candidates if at in self.orders]


def holdout_of(chooser: Chooser, ids: Sequence[str], scores: Scores | FewScores) -> Holdout:
    """The holdout of the orders with these scores, whose review flags say which of them would go to review."""
    if isinstance(scores, FewScores):  # which are all in range
        candidates = [at for at, goes_to_review in enumerate(scores.flags) if goes_to_review]
    else:
        candidates = (scores.review & ~scores.out_of_range.any(axis=1)).nonzero()[0].tolist()
    return Holdout(chooser.share, chooser.choose(ids, candidates))
