"""Texts in arrays of pyarrow, checked all at once: which are order ids, and which may be repeated. Needs pyarrow."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from model.core.batch import Flags
from schemas.fields import ORDER_ID_LENGTH
from schemas.files.row import BadFile

_SPACE, _DELETE = 0x20, 0x7F
_CONTROLS = r"[\x00-\x1f\x7f-\x{9f}]"
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
_WORD, _MOST_BYTES = 8, ORDER_ID_LENGTH * 4
_MASKS = np.array([2 ** (8 * size) - 1 for size in range(_WORD + 1)], "<u8")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)

Hashes = npt.NDArray[np.uint64]


class Texts(Sequence[str]):
    """An array of texts as a sequence. A text is made only where it is asked for."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        found: str | list[str] = self._array[at].to_pylist() if isinstance(at, slice) else self._array[at].as_py()
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._array.to_pylist())


def as_texts(name: str, array: Any, *, integers: bool = False) -> Any:
    """A column of texts, or of `integers` too, as an array of texts. Raises BadFile for another type and invalid UTF-8."""
    of = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if not (any(is_text(of) for is_text in _TEXTS) or (integers and pa.types.is_integer(of))):
        raise BadFile(f"the column {name} has the type {array.type}; cast it to string")
    try:
        if pa.types.is_dictionary(array.type):
            array = pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.string()))
        found = array if array.type == pa.string() else array.cast(pa.string())
        found.validate(full=True)
    except pa.ArrowInvalid:
        raise BadFile(f"the column {name} is not UTF-8, or is too large") from None
    return found


def are_ids(texts: Any) -> Flags:
    """(n,): True where one of n texts is an order id, whether or not it is repeated."""
    ends, content = _content(texts)
    printable = len(content) and content.min() >= _SPACE and content.max() < _DELETE  # and so each byte is a character
    lengths = np.diff(ends) if printable else pc.fill_null(pc.utf8_length(texts), 0).to_numpy()
    valid: Flags = (lengths > 0) & (lengths <= ORDER_ID_LENGTH)
    if texts.null_count:
        valid &= texts.is_valid().to_numpy(zero_copy_only=False)
    if not printable:
        valid &= ~pc.fill_null(pc.match_substring_regex(texts, _CONTROLS), True).to_numpy(zero_copy_only=False)
    return valid


def hashes(texts: Any) -> Hashes:
    """(n,): a number for each of n texts, the same for the same text. Texts that are too long for an id may share one."""
    ends, content = _content(texts)
    words = np.ndarray((len(content) + 1,), "<u8", np.concatenate([content, np.zeros(_WORD, np.uint8)]).data, strides=(1,))
    begins, lengths = ends[:-1] - ends[0], np.diff(ends)
    found = lengths.astype(np.uint64)
    shortest, longest = (int(lengths.min()), int(lengths.max())) if len(lengths) else (0, 0)
    for begin in range(0, min(longest, _MOST_BYTES), _WORD):
        # The number of a text must not depend on how long others are. A slice of all rows is faster than their positions.
        longer = slice(None) if shortest > begin else np.flatnonzero(lengths > begin)
        word = words[begins[longer] + begin] & _MASKS[np.minimum(lengths[longer] - begin, _WORD)]
        mixed = (found[longer] ^ word) * _FACTOR
        found[longer] = mixed ^ (mixed >> _SHIFT)
    return found


def _content(texts: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where the n texts begin and the last one ends (n + 1,), and their bytes, from the first on."""
    if not len(texts):  # there may be no offsets
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int32, len(texts) + 1, texts.offset * 4).astype(np.int64)
    size = int(ends[-1] - ends[0])
    return ends, np.frombuffer(content, np.uint8, size, int(ends[0])) if size else np.empty(0, np.uint8)
