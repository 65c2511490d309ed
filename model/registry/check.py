"""The check before a promotion, as the journal has it: what was measured, and why it failed if it did.

    {"against": "…", "orders": 12345, "late": 410, "days": 30, "brier_before": 0.0812, "brier_after": 0.0799,
     "difference": -0.0013, "low": -0.0021, "high": -0.0004, "reviews_a_day": 48.2, "failed": [], "forced": false}

`against` is the SHA-256 of the version that was current, `before` its scores and `after` those of the promoted one. `low` and
`high` are the 95 % interval of the difference, after minus before. Numbers that could not be computed are null.
"""

from dataclasses import dataclass

from model.artifact import checks
from model.artifact.checks import any_of, boolean, list_of, null, number, text


@dataclass(frozen=True, slots=True)
class PromotionCheck:
    """What a check measured on `orders`, of which so many were `late`, of so many `days`.

    `failed` are sentences: none where it passed. It is `forced` where the promotion was made although it failed.
    """

    against: str
    orders: int
    late: int
    days: int
    brier_before: float | None
    brier_after: float | None
    difference: float | None
    low: float | None
    high: float | None
    reviews_a_day: float
    failed: tuple[str, ...] = ()
    forced: bool = False

    @property
    def measured(self) -> str:
        """What was measured, for people."""
        measured = [f"{self.orders:,} orders", f"{self.late:,} late", f"{self.days:,} days"]
        if self.brier_before is not None:
            measured.append(f"Brier {self.brier_before:.6f} -> {self.brier_after:.6f}")
        if self.low is not None:
            measured.append(f"difference {self.difference:+.6f} ({self.low:+.6f} to {self.high:+.6f})")
        measured.append(f"{self.reviews_a_day:.1f} reviews a day")
        forced = f"; forced: {'; '.join(self.failed)}" if self.forced else ""
        return f"{', '.join(measured)}{forced}"


_count = number(0, kind=int)
_number = any_of("a finite number or null", number(), null)
check = checks.object_of(
    PromotionCheck,
    {
        "against": text(r"[0-9a-f]{64}", "64 hexadecimal digits"),
        "orders": _count,
        "late": _count,
        "days": _count,
        **dict.fromkeys(("brier_before", "brier_after", "difference", "low", "high"), _number),
        "reviews_a_day": number(0),
        "failed": list_of(text(r".{1,1000}", "a text of at most 1,000 characters"), least=0),
        "forced": boolean,
    },
)
"""Checks the entry of a journal, and returns it as a PromotionCheck."""
