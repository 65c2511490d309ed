"""Arrow values: the columns of a stream as arrays of pyarrow, which are validated before any value of them is read.

They share the memory of the body. Needs pyarrow, the extra `arrow`.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from model.core.batch import Floats
from schemas.faults import MalformedBody
from schemas.formats._arrow_stream import NUMBERS, TEXTS, VIEWS, ArrowStream, Buffers, Column, Dictionary, buffers

# Arrow's own pool would keep the memory of a batch; malloc gives it back, as a worker's settings say.
pa.set_memory_pool(pa.system_memory_pool())

_TYPES = {name: getattr(pa, {"float16": "float16", "bool": "bool_"}.get(name, name))() for name in (*NUMBERS, "bool", *TEXTS)}
_VIEW = 16  # bytes, of which the first four are the length


@dataclass(slots=True)
class Values:
    """The values of a column of the type `of`, in parts: arrays, or lists of texts."""

    of: str
    parts: list[Any] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return all(None not in part if isinstance(part, list) else part.null_count == 0 for part in self.parts)

    def listed(self) -> list[Any]:
        """The values as Python has them, None for a missing one."""
        found = [part if isinstance(part, list) else part.to_pylist() for part in self.parts]
        return found[0] if len(found) == 1 else list(chain.from_iterable(found))

    def numbers(self) -> Floats | None:
        """(n,) float64, NaN for a missing one; None unless all others are numbers."""
        if self.of not in NUMBERS:
            return None
        found = [part.to_numpy(zero_copy_only=False).astype(np.float64, copy=False) for part in self.parts]
        values = found[0] if len(found) == 1 else np.concatenate(found)
        absent = np.isnan(values)
        if np.count_nonzero(absent) != sum(part.null_count for part in self.parts):
            return None
        return np.where(absent, np.nan, values) if absent.any() else values  # pyarrow has a NaN of its own for float16


class _Texts(NamedTuple):
    """The texts of a dictionary, behind which a missing one is added, and how long each is."""

    texts: npt.NDArray[np.object_]
    lengths: npt.NDArray[np.intp]


_NO_TEXTS = _Texts(np.array([None], np.object_), np.zeros(1, np.intp))


class ValuesReader:
    """Reads the values of one stream, whose `content` is in memory. Texts have at most so many characters in all.

    A dictionary and views may repeat a text any number of times, so their texts are counted before they are built.
    """

    def __init__(self, content: bytes, columns: Sequence[Column], most: int) -> None:
        self._content, self._columns, self._left = content, columns, most
        self._buffer = pa.py_buffer(content)
        self._dictionaries: dict[int, _Texts] = {}

    def read(self, stream: ArrowStream, names: Container[str]) -> dict[str, Values]:
        """The columns of these names. Raises MalformedBody."""
        stored = [column.stored or "" for column in self._columns]
        found = {column.name: Values(column.type or "") for column in self._columns if column.name in names}
        for part in stream:
            if isinstance(part, Dictionary):
                self._add(part)
                continue
            for column, given in zip(self._columns, buffers(*part, stored), strict=True):
                if column.name in names and given.rows:
                    found[column.name].parts.append(self._part(column, given))
        return found

    def _part(self, column: Column, given: Buffers) -> Any:
        if column.stored == "null":
            return [None] * given.rows
        array = self._array(str(column.stored), given)
        return array if column.dictionary is None else self._looked_up(column.dictionary, array)

    def _add(self, found: Dictionary) -> None:
        """Read a message with texts of a dictionary."""
        types = {column.type for column in self._columns if column.dictionary == found.number}
        if len(types) != 1:
            raise MalformedBody("a dictionary of the Arrow stream belongs to no column, or to columns of two types")
        if not types.issubset(TEXTS):
            return  # a column that is not read
        ((of, given),) = zip(types, buffers(found.records, found.message, [*map(str, types)]), strict=True)
        before = self._dictionaries.get(found.number) if found.more else _NO_TEXTS
        if before is None:
            raise MalformedBody("the Arrow stream adds to a dictionary that it does not have")
        texts = before.texts[:-1].tolist()
        texts += self._array(str(of), given).to_pylist() if given.rows else []
        self._take(len(texts))
        lengths = np.array([*(len(text or "") for text in texts), 0])
        self._dictionaries[found.number] = _Texts(np.array([*texts, None], np.object_), lengths)

    def _looked_up(self, number: int, indices: Any) -> list[str | None]:
        found = self._dictionaries.get(number)
        if found is None:
            raise MalformedBody("the Arrow stream lacks the dictionary of a column")
        none = len(found.texts) - 1
        at = indices.to_numpy(zero_copy_only=False)  # NaN where there is none
        given = at == at
        if not ((at[given] >= 0) & (at[given] < none)).all():
            raise MalformedBody("a dictionary of the Arrow stream lacks values of a column")
        positions = np.where(given, at, none).astype(np.intp)
        self._take(int(found.lengths[positions].sum()))
        texts: list[str | None] = found.texts[positions].tolist()
        return texts

    def _array(self, of: str, given: Buffers) -> Any:
        if of in VIEWS:
            self._take(self._viewed(given))
        parts = [self._buffer.slice(begin, end - begin) for begin, end in given.spans]
        nulls, *others = parts
        try:
            array = pa.Array.from_buffers(_TYPES[of], given.rows, [nulls if len(nulls) else None, *others])
            array.validate(full=True)
        except (pa.ArrowException, ValueError):
            raise MalformedBody("a column of the Arrow stream contradicts its type") from None
        if array.null_count != given.nulls:
            raise MalformedBody("a column of the Arrow stream has another number of nulls than it says")
        return array

    def _viewed(self, given: Buffers) -> int:
        """How many bytes the texts of a column of views have."""
        (begin, end), rows = given.spans[1], given.rows
        if end - begin < rows * _VIEW:
            raise MalformedBody("a column of the Arrow stream has fewer values than rows")
        lengths = np.frombuffer(self._content, "<i4", rows * _VIEW // 4, begin)[:: _VIEW // 4]
        if given.nulls:
            bits = np.frombuffer(self._content, np.uint8, given.spans[0][1] - given.spans[0][0], given.spans[0][0])
            lengths = lengths * np.unpackbits(bits, count=rows, bitorder="little")
        return int(lengths.clip(0).sum(dtype=np.int64))

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise MalformedBody("the texts of the Arrow stream are larger than the largest batch once they are written out")
