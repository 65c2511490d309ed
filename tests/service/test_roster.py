import os

import pytest

from model.pointer import Pointer
from service.lineup import Stage
from service.roster import REASON, Entry, Roster, State, Version
from tests.model.making import one_input

SERVED = Version("made", "1", "0" * 64, "1.npz")
STATES = {"champion": State(SERVED, Pointer("2", "2.npz", "1" * 64), "Unreadable: file: gone", 12.5), "challenger": State()}


def entry(number):
    """The entry of a worker that has changed its champion so often."""
    return Entry({"champion": State(SERVED, since=float(number))})


def test_an_entry_is_read_as_it_was_written():
    roster = Roster()
    roster.write(3, Entry(STATES))
    assert list(roster.entries()) == [Entry(STATES)]


def test_the_newest_entry_of_each_slot_counts():
    roster = Roster()
    for number in range(1, 6):
        for slot in (0, 7):
            roster.write(slot, entry(number * (slot + 1)))
    assert list(roster.entries()) == [entry(5), entry(40)]


def test_a_worker_that_dies_while_it_writes_leaves_its_last_entry():
    roster = Roster()
    for number in (1, 2):
        roster.write(0, entry(number))
    unused = roster._board._place(0, 3)
    roster._board._memory[unused : unused + 100] = b"{" * 100
    assert list(roster.entries()) == [entry(2)]


def test_an_entry_that_two_workers_wrote_at_once_hides_no_other():
    roster = Roster()
    for slot in (0, 1, 2):
        roster.write(slot, entry(slot))
    written = roster._board._place(1, 1)
    roster._board._memory[written + 50] ^= 1
    assert list(roster.entries()) == [entry(0), entry(2)]


LONGEST = Version("n" * 64, "v" * 64, "0" * 64, "f" * 68)
WANTED = Pointer("v" * 64, "f" * 68, "0" * 64)


def test_the_longest_names_and_reasons_have_room():
    state = State(LONGEST, WANTED, "\x01" * REASON, 1.2345678901234567e300)
    roster = Roster()
    roster.write(0, Entry({"champion": state, "challenger": state}))
    roster.ended(0)
    assert next(roster.entries()).states["challenger"] == state


@pytest.mark.parametrize("reason", ["x" * 100_000, "\x01" * 100_000, "\N{PILE OF POO}" * 100_000], ids=["x", "control", "wide"])
def test_a_reason_of_any_length_is_told_by_its_beginning(reason):
    stage = Stage(one_input(), 100)
    for role in ("champion", "challenger"):
        stage.failed(role, WANTED, reason)
    (entry,) = stage.roster.entries()
    assert {state.reason for state in entry.states.values()} == {reason[:REASON]}
    assert entry.states == stage.lineup.states


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_an_entry_that_has_no_room_is_refused_and_takes_nothing_from_any_row(writes):
    roster = Roster()
    for _ in range(writes):
        for slot in (3, 4, 5):
            roster.write(slot, entry(slot))
    with pytest.raises(ValueError, match="no room"):
        roster.write(4, Entry({"champion": State(reason="x" * 20_000)}))
    assert list(roster.entries()) == [entry(3), entry(4), entry(5)][: 3 * writes]


def test_workers_live_until_they_are_told_to_have_ended_and_what_they_served_stays_known():
    roster = Roster()
    for slot in (0, 1):
        roster.write(slot, entry(slot))
    roster.ended(1)
    roster.ended(2)
    assert roster.living() == [entry(0)]
    assert [known.states for known in roster.entries()] == [entry(0).states, entry(1).states]
    roster.write(1, entry(7))
    assert roster.living() == [entry(0), entry(7)]


def test_what_a_child_writes_its_parent_reads():
    roster = Roster()
    child = os.fork()
    if child == 0:
        roster.write(2, Entry(STATES))
        os._exit(0)
    os.waitpid(child, 0)
    assert list(roster.entries()) == [Entry(STATES)]


@pytest.mark.parametrize("slot", [0, 511])
def test_there_is_a_row_for_every_slot(slot):
    roster = Roster()
    roster.write(slot, entry(1))
    roster.write(slot, entry(2))
    assert list(roster.entries()) == [entry(2)]
