import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from service.shared import counters
from service.shared.counters import SharedCounters
from tests.unit.service.shared.test_records import meanwhile


def test_totals_are_the_sum_over_all_slots():
    shared = SharedCounters()
    np.asarray(shared.series(("a",), 2))[:] += (1, 2)
    shared.attach(5)
    np.asarray(shared.series(("a",), 2))[:] += (10, 20)
    shared.series(("b",), 1)[0] += 7
    assert {name: shared.totals()[(name,)].tolist() for name in "ab"} == {"a": [11, 22], "b": [7]}


def test_a_slot_continues_the_counts_of_its_last_owner():
    shared = SharedCounters()
    for amount in (4, 1):
        shared.attach(3)
        shared.series(("a",), 1)[0] += amount
    assert shared.totals()[("a",)].tolist() == [5]


def test_the_number_of_one_slot_is_that_of_no_other():
    shared = SharedCounters()
    for slot in (0, 3):
        shared.attach(slot)
        shared.series(("a",), 1)[0] += slot + 1
    assert [shared.number(slot, ("a",)) for slot in (0, 3, 4)] == [1, 4, 0]
    assert shared.number(3, ("b",)) == 0


def test_totals_are_a_copy_that_later_counts_do_not_change():
    shared = SharedCounters()
    shared.series(("a",), 1)[0] += 1
    before = shared.totals()[("a",)]
    shared.series(("a",), 1)[0] += 1
    assert before.tolist() == [1]


def test_counts_of_forked_and_killed_processes_stay_visible_to_all():
    shared = SharedCounters()

    def count(slot):
        shared.attach(slot)
        shared.series((f"only in {slot}",), 1)[0] += slot
        shared.series(("in all",), 1)[0] += slot
        signal.pause()

    for slot in (1, 2, 3):
        with meanwhile(partial(count, slot)) as left:
            while shared.totals().get(("in all",), [0])[0] < sum(range(slot + 1)):
                assert left() > 0
    totals = shared.totals()
    assert totals[("in all",)].tolist() == [6]
    assert [totals[(f"only in {slot}",)].tolist() for slot in (1, 2, 3)] == [[1], [2], [3]]


def test_totals_are_complete_while_another_process_takes_its_first_slots():
    each = [SharedCounters() for _ in range(20)]

    def take():
        for shared in each:
            for slot in range(1, counters.SLOTS):
                shared.attach(slot)
                shared.series(("a",), 1)[0] += 1

    with meanwhile(take) as left:
        for shared in each:
            seen = 0.0
            while seen < counters.SLOTS - 1:
                assert left() > 0
                before, seen = seen, shared.totals().get(("a",), np.zeros(1))[0]
                assert before <= seen


def test_a_name_that_cannot_be_read_is_an_error_and_no_series_is_counted_twice_after_it():
    shared = SharedCounters()
    shared.attach(0)
    shared.series(("a",), 1)[0] += 1
    used = int(shared._heads[0, 1])
    os.pwrite(shared._file, b"torn\n", counters._names_at(0, 0) + used)
    shared._heads[0, 1] = used + 5
    for _ in range(2):
        with pytest.raises(ValueError, match="Expecting value"):
            shared.totals()
    shared._heads[0, 1] = used
    assert (shared.totals()[("a",)].tolist(), shared.total(("a",))) == ([1], 1)


def test_a_series_whose_length_was_not_yet_published_is_not_seen_and_its_room_is_used_again():
    shared = SharedCounters()
    shared.attach(0)
    used = int(shared._heads[0, 1])
    line = b'[["torn"], 1, 1]\n'
    os.pwrite(shared._file, line, counters._names_at(0, 0) + used)
    assert ("torn",) not in shared.totals()
    shared.attach(0)
    shared.series(("whole",), 1)[0] += 1
    assert shared.totals()[("whole",)].tolist() == [1]


@pytest.mark.parametrize(("name", "room"), [("NUMBERS", 8), ("NAMES", 128)])
def test_a_full_row_counts_the_updates_it_drops(monkeypatch, name, room):
    monkeypatch.setattr(counters, name, room)
    shared = SharedCounters()
    for number in range(20):
        np.asarray(shared.series((f"series {number}",), 3))[:] += 1
    totals = shared.totals()
    entered = [key for key in totals if key[0].startswith("series")]
    assert 0 < len(entered) < 20
    assert totals[counters.UNRECORDED].tolist() == [20 - len(entered)]
    assert all(totals[key].tolist() == [1, 1, 1] for key in entered)


def test_series_given_back_make_room_and_others_keep_their_counts(monkeypatch):
    monkeypatch.setattr(counters, "NUMBERS", 20)
    shared = SharedCounters()
    for number in range(100):
        shared.series((f"used {number}",), 3)[1] += 7
        shared.series(("kept",), 2)[1] += 1
        shared.give_back(lambda key: key[0].startswith("used"))
    shared.series(("new",), 3)
    assert {key: numbers.tolist() for key, numbers in shared.totals().items()} == {
        counters.UNRECORDED: [0],
        ("kept",): [0, 100],
        ("new",): [0, 0, 0],
    }


def test_the_last_use_of_a_series_is_its_latest_in_any_slot_and_is_kept():
    shared = SharedCounters()
    for slot, used in ((1, 5.0), (2, 7.0), (3, 6.0)):
        shared.attach(slot)
        shared.series(("gone",), 1, 1.0)
        shared.enter(("a",), 2, used)
        shared.enter(("a",), 2, 1.0)
        shared.give_back(lambda key: key == ("gone",))
    assert shared.last_used()["a",] == 7
    assert ("gone",) not in shared.last_used()


def test_readers_see_complete_totals_while_workers_give_series_back_and_are_killed():
    shared = SharedCounters()
    shared.attach(1)
    np.asarray(shared.series(("kept",), 50))[:] = 1

    def work():
        shared.attach(1)
        for number in itertools.count():
            np.asarray(shared.series((f"{number}",), 50))[:] = 9
            shared.give_back(lambda key: key[0].isdigit())

    for _ in range(5):
        with meanwhile(work) as left:
            for _ in range(300):
                assert left() > 0
                assert shared.totals()["kept",].tolist() == [1] * 50
    shared.attach(1)
    assert shared.totals()["kept",].tolist() == [1] * 50


def test_threads_lose_no_count():
    shared = SharedCounters()

    def count(thread):
        for number in range(2000):
            with shared.lock:
                shared.series((f"k{number % 7}",), 1)[0] += 1

    with ThreadPoolExecutor(8) as threads:
        threads.map(count, range(8))
    totals = shared.totals()
    assert sum(totals[(f"k{n}",)][0] for n in range(7)) == 16_000
