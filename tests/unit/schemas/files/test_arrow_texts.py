"""Texts of Arrow, all at once: the oracle is a loop over texts of Python."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files.arrow_texts import Texts, are_ids, as_texts, hashes
from schemas.files.row import BadFile
from tests.arrow_columns import INTEGERS, TEXTS, column

SIZES = (0, 1, 7, 8, 9, 15, 16, 17, 127, 128, 504, 511, 512)


def is_id(text):
    controls = [*range(0x20), *range(0x7F, 0xA0)]
    return text is not None and 1 <= len(text) <= 128 and all(ord(character) not in controls for character in text)


def bytes_of(*texts):
    """An array of texts made of these bytes, which may be no UTF-8."""
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))])


@given(st.data())
def test_a_text_of_any_type_is_an_id_if_it_has_1_to_128_characters_and_none_is_a_control(data):
    texts = data.draw(st.lists(st.none() | TEXTS | st.text(max_size=4) | st.just("O-1"), min_size=1, max_size=6))
    found = as_texts("order_id", data.draw(column(texts)))
    assert are_ids(found).tolist() == [is_id(text) for text in texts]
    assert list(Texts(found)) == texts


def test_each_control_character_is_found_wherever_it_is():
    for character in map(chr, range(0x250)):  # in an array of its own: others would have all texts searched
        for text in (character, f"ab{character}", f"{character}c"):
            assert are_ids(pa.array(["O-1", text])).tolist() == [True, is_id(text)]


@pytest.mark.parametrize("of", INTEGERS, ids=str)
def test_an_integer_is_an_id_with_its_digits(of):
    bounds = np.iinfo(of.to_pandas_dtype())
    numbers = [bounds.min, 0, 7, bounds.max, None]
    found = as_texts("order_id", pa.array(numbers, of), integers=True)
    assert found.to_pylist() == [None if number is None else str(number) for number in numbers]
    assert as_texts("order_id", pa.array(numbers, of).dictionary_encode(), integers=True).to_pylist() == found.to_pylist()


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1.5]),
        pa.array([True]),
        pa.array([b"a"]),
        pa.array([["a"]]),
        pa.array([1.5]).dictionary_encode(),
        pa.array([0], pa.timestamp("s")),
        pa.nulls(1, pa.decimal128(3)),
    ],
    ids=lambda array: str(array.type),
)
def test_an_array_of_another_type_is_rejected_with_the_type_and_what_to_do(array):
    with pytest.raises(BadFile) as raised:
        as_texts("order_id", array, integers=True)
    assert str(raised.value) == f"the column order_id has the type {array.type}; cast it to string"


def test_integers_are_no_categories():
    with pytest.raises(BadFile, match=r"^the column carrier has the type int64; cast it to string$"):
        as_texts("carrier", pa.array([1]))


@pytest.mark.parametrize("content", [b"secret\xff", b"secret\xed\xa0\x80", b"secret\xc3"])
@pytest.mark.parametrize(
    "of", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_what_is_not_utf_8_is_rejected_with_the_name_of_the_column_alone(content, of):
    array = bytes_of(b"O-1", content)
    with pytest.raises(BadFile) as raised:
        as_texts(
            "order_id",
            array.dictionary_encode() if pa.types.is_dictionary(of) else array.view(pa.binary()).cast(of, safe=False),
        )
    assert str(raised.value) == "the column order_id is not UTF-8, or is too large"


def test_a_text_has_the_same_number_in_every_array_and_texts_of_any_length_have_different_ones():
    dice = random.Random(1)
    texts = {"".join(dice.choices("0a:é", k=size)) for size in SIZES for _ in range(50)}
    texts |= {text + "\0" * more for text in ("", "a", "abcdefg", "abcdefgh") for more in range(10)}
    for text in ("abcdefgh" * 16, "0" * 17):
        texts |= {text[:at] + "!" + text[at + 1 :] for at in range(len(text))}
    texts |= {f"O-{number}" for number in range(20_000)}
    ordered = sorted(text for text in texts if len(text.encode()) <= 512)
    known = dict(zip(ordered, hashes(pa.array(ordered)).tolist(), strict=True))
    assert len({*known.values()}) == len(ordered)
    dice.shuffle(ordered)
    drawn = [*ordered[:300], None, "x" * 600, *ordered[:300]]
    array = pa.array(drawn)
    for begin, end in ((0, len(drawn)), (1, 5), (299, 303), (17, 17), (300, 301)):
        found = hashes(array[begin:end]).tolist()
        for each, number in zip(drawn[begin:end], found, strict=True):
            assert each not in known or number == known[each]


def test_arrays_of_no_texts_have_no_ids():
    offsets_left_out = pa.Array.from_buffers(pa.string(), 0, [None, pa.py_buffer(b""), pa.py_buffer(b"")])
    for empty in (pa.array([], pa.string()), pa.array(["a", "b"])[1:1], pa.nulls(0).cast(pa.string()), offsets_left_out):
        assert (are_ids(empty).tolist(), hashes(empty).tolist(), list(Texts(empty))) == ([], [], [])
