import itertools
import os
import random
import signal
import time
from contextlib import contextmanager
from functools import partial

import pytest

from service.shared.records import SharedRecords


def written(*texts):
    """Three rows, to whose middle one these texts were written in turn."""
    records = SharedRecords(100, 3)
    for text in texts:
        records.write(text, 1)
    return records


@contextmanager
def meanwhile(work):
    """A child that does this work until the block ends, and is then killed; the seconds left to the block."""
    child, until = os.fork(), time.monotonic() + 20
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    try:
        yield lambda: until - time.monotonic()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_new_records_have_no_text():
    assert SharedRecords(100).read() is None
    assert list(SharedRecords(100, 3).texts()) == []


@pytest.mark.parametrize("texts", [[b""], [b"one"], [b"x" * 100], [b"a long one", b"short"], [b"one", b"", b"three", b"4"]])
def test_the_text_last_written_is_read(texts):
    records = SharedRecords(100)
    for text in texts:
        records.write(text)
        assert records.read() == text


@pytest.mark.parametrize("rows", [1, 2, 512])
def test_rows_do_not_touch_each_other(rows):
    records, expected, dice = SharedRecords(100, rows), [b""] * rows, random.Random(1)
    for row in range(rows):
        records.write(b"", row)
    for row in dice.choices(range(rows), k=2 * rows):
        expected[row] = dice.randbytes(dice.choice((0, 1, 100)))
        records.write(expected[row], row)
    assert list(records.texts()) == expected


@pytest.mark.parametrize("before", [[], [b"1"], [b"1", b"2"], [b"1" * 100, b"2" * 100, b"3" * 100]])
def test_a_text_that_is_too_long_is_rejected_and_changes_nothing(before):
    records = written(*before)
    memory = records._memory[:]
    with pytest.raises(ValueError, match="the text has 101 bytes, but a row holds 100"):
        records.write(b"x" * 101, 1)
    assert records._memory[:] == memory


@pytest.mark.parametrize("before", [[b"old"], [b"oldest", b"old"], [b"x" * 100, b"y" * 100, b"old"]])
def test_a_writer_that_is_killed_at_any_byte_leaves_the_old_text(before):
    records, done = written(*before), written(*before, b"n" * 100)
    places = [place for place, byte in enumerate(done._memory[:]) if records._memory[place] != byte]
    turning, *text = places  # the numbers come before all texts, and the turn is written last
    for place in text:
        assert records.read(1) == b"old"
        records._memory[place] = done._memory[place]
    assert records.read(1) == b"old"
    records._memory[turning] = done._memory[turning]
    assert records.read(1) == b"n" * 100


@pytest.mark.parametrize(("one", "other"), [(b"a" * 100, b"b" * 100), (b"a" * 100, b"b"), (b"", b"b" * 50)])
def test_two_texts_written_at_once_are_read_as_one_of_both_or_as_none(one, other):
    first, second, mixed = written(b"old", one), written(b"old", other), written(b"old", one)
    places = [place for place, byte in enumerate(first._memory[:]) if second._memory[place] != byte]
    dice = random.Random(1)
    seen = set()
    for _ in range(300):
        cut = dice.randrange(len(places) + 1)
        taken = dice.choice([set(places[:cut]), set(places[cut:]), set(dice.sample(places, cut))])
        for place in places:
            mixed._memory[place] = (second if place in taken else first)._memory[place]
        seen.add(mixed.read(1))
    assert seen == {one, other, None}


def test_an_incomplete_text_is_none_and_hides_no_other():
    records = SharedRecords(100, 2)
    records.write(b"whole")
    records.write(b"other", 1)
    first = records._place(0, 1)
    for place in range(first, first + 45):
        kept = records._memory[place]
        records._memory[place] = kept ^ 0x80
        assert records.read() is None
        assert list(records.texts()) == [b"other"]
        records._memory[place] = kept
    assert records.read() == b"whole"


def test_a_reader_sees_complete_texts_in_their_order_while_writers_are_killed():
    records = SharedRecords(4000, 2)

    def write_on(number):
        for following in itertools.count(number + 1):
            records.write(b"%08d" % following * 500, 1)

    last = 0
    records.write(b"0" * 4000, 1)
    for _ in range(5):
        enough = last + 2000
        with meanwhile(partial(write_on, last)) as left:
            while last < enough:
                assert left() > 0
                text = records.read(1)
                assert text == text[:8] * 500
                assert int(text[:8]) >= last
                last = int(text[:8])
        assert int(records.read(1)[:8]) >= last
        last = int(records.read(1)[:8])
    assert records.read(0) is None


def test_a_reader_of_all_rows_sees_ever_more_of_them_while_a_process_writes_their_first_texts():
    each = [SharedRecords(10, 512) for _ in range(300)]

    def fill():
        for records in each:
            for row in range(512):
                records.write(b"%d" % row, row)

    with meanwhile(fill) as left:
        for records in each:
            seen = []
            while len(seen) < 512:
                assert left() > 0
                before, seen = seen, [int(text) for text in records.texts()]
                assert len(before) <= len(seen)
                assert seen == sorted(seen)
