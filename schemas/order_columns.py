"""Columns of the values of orders, as bodies and files have them: inputs as the numbers of a Batch, and contexts as texts."""

import math
import struct
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from operator import add, ne
from types import NoneType
from typing import Any, TypeAlias

import numpy as np
from msgspec import UNSET, UnsetType

from model.core.batch import Floats
from model.core.encoding import UNKNOWN, Encode, encoder
from model.core.manifest import CATEGORY, CONTEXT_LENGTH, NUMBER, Input
from schemas.fields import has_controls, usable_category, well_formed

_ABSENT = math.nan  # one object, which is found by its identity
_TEXT_TYPES: set[type] = {str, NoneType, UnsetType}
Column: TypeAlias = Sequence[Any] | Floats
"""Values of n orders, as they came or, of numbers, as an array with NaN for a missing one."""

_ZERO, _ZEROS = np.array(0.0), repeat(0.0)


class OrderColumns:
    """Validates and encodes a column of n values for each of these inputs, and then for each context of these names.

    A value that is missing is None or, where the order does not even have its name, the `absent` of its column.
    """

    def __init__(self, inputs: Sequence[Input], contexts: Sequence[str] = ()) -> None:
        self._types = [_types(each) for each in inputs] + [_TEXT_TYPES] * len(contexts)
        self._contexts = contexts
        numbers = [_ABSENT if each.optional and each.kind == NUMBER else UNSET for each in inputs]
        self.absent: list[Any] = [*numbers, *(UNSET for _ in contexts)]
        self.are_numbers = not contexts and not any(each.optional or each.kind == CATEGORY for each in inputs)
        """Whether an order has a number for each input, and nothing else."""
        self._encoders = [_encoder(each) for each in inputs]
        optional = [*(each.optional for each in inputs), *(True for _ in contexts)]
        self._optional = [(at, absent) for at, (absent, given) in enumerate(zip(self.absent, optional, strict=True)) if given]
        self._required = np.logical_not([each.optional for each in inputs])
        self._categories = [(at, each.name) for at, each in enumerate(inputs) if each.kind == CATEGORY]
        self._known = [set[Any](each.values) for each in inputs]

    def have_types(self, columns: Sequence[Sequence[Any]]) -> bool:
        """Whether all values are of the types of their columns, and no number is NaN."""
        return all(
            types.issuperset(map(type, column))
            and (absent is not _ABSENT or sum(map(ne, column, column)) == column.count(absent))  # NaN alone is not itself
            for types, column, absent in zip(self._types, columns, self.absent, strict=True)
        )

    def matrix(self, columns: Sequence[Column], count: int) -> Floats | None:
        """(n, I) numbers of the inputs in columns of the right types; None if any value is invalid."""
        pack = struct.Struct(f"{count}d").pack
        try:
            packed = b"".join([_packed(column, encode, pack) for encode, column in zip(self._encoders, columns, strict=False)])
        except (KeyError, OverflowError, struct.error):  # an integer is too large, or a category is not known
            return None
        values: Floats = (np.frombuffer(packed) + _ZERO).reshape(len(self._encoders), count)
        if self.are_numbers:
            return values.T if np.count_nonzero(np.isfinite(values)) == values.size else None
        valid = not np.isinf(values).any() and not np.isnan(values[self._required]).any()
        return values.T if valid and self._are_texts(columns, values) else None

    def context(self, columns: Sequence[Column]) -> dict[str, list[str | None]] | None:
        """The texts (n,) of each context that an order has, in columns of the right types; None if any text is invalid."""
        found = {}
        for name, column in zip(self._contexts, columns[len(self._encoders) :], strict=True):
            texts = [text or None for text in column]
            given = list(filter(None, texts))
            if "" in column or max(map(len, given), default=0) > CONTEXT_LENGTH:
                return None
            if given:
                joined = "".join(given)
                if not well_formed(joined) or has_controls(joined):
                    return None
                found[name] = texts
        return found

    def categories(self, columns: Sequence[Column]) -> dict[str, Column]:
        """The columns (n,) of the inputs that are categories, by name."""
        return {name: columns[at] for at, name in self._categories}

    def few_numbers(self, columns: Sequence[Column]) -> list[list[float]] | None:
        """Columns of numbers as Python's float; None if a number is not finite."""
        try:
            found = [[*map(add, column, _ZEROS)] for column in columns]
        except OverflowError:
            return None
        return found if all(map(math.isfinite, chain.from_iterable(found))) else None

    def count_absent(self, columns: Sequence[Sequence[Any]]) -> int:
        """How many values are missing because the order does not have their name."""
        count = 0
        for at, absent in self._optional:
            count += columns[at].count(absent)
        return count

    def _are_texts(self, columns: Sequence[Column], values: Floats) -> bool:
        """Whether what is no known category is a text that a category may be."""
        return all(
            usable_category(text)
            for row in np.flatnonzero((values == UNKNOWN).any(axis=1)).tolist()
            if self._known[row]
            for text in set(columns[row]) - self._known[row] - {None, UNSET}
        )


def value_types(of: Input) -> set[type]:
    """The types of the values of an input in JSON."""
    types: set[type] = {str} if of.kind == CATEGORY else {int, float}
    return types | {NoneType} if of.optional else types


def _types(of: Input) -> set[type]:
    unset = {UnsetType} if of.optional and of.kind == CATEGORY else set[type]()
    return value_types(of) | unset


def _packed(column: Column, encode: Encode | None, pack: Callable[..., bytes]) -> bytes:
    if isinstance(column, np.ndarray):
        return column.tobytes()
    return pack(*column) if encode is None else encode(column).tobytes()  # pack takes a third of np.fromiter's time


def _encoder(of: Input) -> Encode | None:
    """None for a number that an order must have."""
    return encoder(of, (None, UNSET)) if of.optional or of.kind == CATEGORY else None
