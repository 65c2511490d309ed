"""Comparison of a decision record with the one that the same orders and the same model give now, field by field."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import msgspec
import numpy as np

from model.core.batch import Flags, Floats
from schemas.decision_record import DecisionRecord, Values, unpack

CLOSE = 1e-12
"""What numbers may differ by, relative to those over 1, where a model has other bits on other machines."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A `field` that differs, and the indices of the `orders` it differs for; none where it is not about single orders."""

    field: str
    orders: tuple[int, ...] = ()


def differ(first: Floats, second: Floats, exact: bool) -> Flags:
    """(n,): True where numbers have other bits or, unless `exact`, are not close. NaN is equal to NaN."""
    if exact:
        found: Flags = (first.view(np.int64) != second.view(np.int64)) & ~(np.isnan(first) & np.isnan(second))
        return found
    with np.errstate(invalid="ignore", over="ignore"):
        close = np.abs(first - second) <= CLOSE * np.maximum(np.abs(second), 1.0)
    return ~(close | (np.isnan(first) & np.isnan(second)))


def compare(recorded: DecisionRecord, anew: DecisionRecord, exact: bool) -> list[Difference]:
    """The fields of two records of the same number of orders that differ. Raises BadRecord."""
    orders = len(recorded)

    def numbers(first: Values, second: Values) -> Sequence[int] | None:
        found: list[int] = np.flatnonzero(differ(unpack(first, orders), unpack(second, orders), exact)).tolist()
        return found or None

    def values(first: Sequence[Values] | None, second: Sequence[Values] | None) -> Sequence[int] | None:
        pairs = zip(first or (), second or (), strict=True)
        unlike = [_entries(*pair) if _is_text(pair[1]) else numbers(*pair) for pair in pairs]
        return sorted({at for each in unlike for at in each or ()}) or None

    def selection(first: Any, second: Any) -> Sequence[int] | None:
        return None if first == second or (not exact and _close(first, second)) else ()

    compared: dict[str, Callable[[Any, Any], Sequence[int] | None]] = {
        "model": _equal,
        "threshold": _equal,
        "inputs": _equal,
        "values": values,
        "context": _by_name,
        "logits": numbers,
        "scores": numbers,
        "queues": _entries,
        "ranks": _entries,
        "out_of_range": _indices,
        "imputed": _indices,
        "unknown": _indices,
        "selection": selection,
        "explanations": _texts,
        "holdout": _equal,
    }
    pairs = ((name, unlike(getattr(recorded, name), getattr(anew, name))) for name, unlike in compared.items())
    return [Difference(name, tuple(found)) for name, found in pairs if found is not None]


def _equal(first: Any, second: Any) -> Sequence[int] | None:
    return None if first == second else ()


def _texts(first: msgspec.Raw | msgspec.UnsetType, second: msgspec.Raw | msgspec.UnsetType) -> Sequence[int] | None:
    if isinstance(first, msgspec.Raw) and isinstance(second, msgspec.Raw):
        return None if bytes(first) == bytes(second) else ()
    return _equal(first, second)


def _entries(first: Sequence[Any] | None, second: Sequence[Any] | None) -> Sequence[int] | None:
    pairs = enumerate(zip_longest(first or (), second or (), fillvalue=...))
    return [at for at, (one, other) in pairs if one != other] or None


def _by_name(first: Mapping[str, Sequence[Any]], second: Mapping[str, Sequence[Any]]) -> Sequence[int] | None:
    return _union(_entries(first.get(name), second.get(name)) or () for name in first.keys() | second.keys())


def _indices(first: Mapping[str, list[int]], second: Mapping[str, list[int]]) -> Sequence[int] | None:
    if first == second:
        return None
    return _union({*first.get(name, ())} ^ {*second.get(name, ())} for name in first.keys() | second.keys()) or ()


def _union(found: Iterable[Iterable[int]]) -> Sequence[int] | None:
    return sorted({at for each in found for at in each}) or None


def _is_text(column: Values) -> bool:
    return not isinstance(column, bytes) and any(isinstance(each, str) for each in column)


def _close(first: Any, second: Any) -> bool:
    """Whether two JSON values are the same but for numbers that are close."""
    if isinstance(first, float) and isinstance(second, float):
        return not differ(np.array([first]), np.array([second]), exact=False).any()
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_close(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_close, first, second))
    return bool(first == second)
