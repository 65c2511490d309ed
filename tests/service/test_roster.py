import os
import subprocess
import sys

import pytest

from model.pointer import Pointer
from service.lineup import Stage
from service.roster import REASON, Entry, Roster, State, Version
from tests.model.making import one_input

SERVED = Version("made", "1", "0" * 64, "1.npz")
STATES = {"champion": State(SERVED, Pointer("2", "2.npz", "1" * 64), "Unreadable: file: gone", 12.5), "challenger": State()}


def test_an_entry_is_read_as_it_was_written():
    roster = Roster()
    roster.write(3, Entry(os.getpid(), STATES))
    assert list(roster.entries()) == [Entry(os.getpid(), STATES)]


def test_the_newest_entry_of_each_slot_counts():
    roster = Roster()
    for pid in range(1, 6):
        for slot in (0, 7):
            roster.write(slot, Entry(pid * (slot + 1), {}))
    assert [entry.pid for entry in roster.entries()] == [5, 40]


def test_a_worker_that_dies_while_it_writes_leaves_its_last_entry():
    roster = Roster()
    for pid in (1, 2):
        roster.write(0, Entry(pid, STATES))
    unused = roster._board._place(0, 3)
    roster._board._memory[unused : unused + 100] = b"{" * 100
    assert [entry.pid for entry in roster.entries()] == [2]


def test_an_entry_that_two_workers_wrote_at_once_hides_no_other():
    roster = Roster()
    for slot in (0, 1, 2):
        roster.write(slot, Entry(slot + 1, STATES))
    written = roster._board._place(1, 1)
    roster._board._memory[written + 50] ^= 1
    assert [entry.pid for entry in roster.entries()] == [1, 3]


LONGEST = Version("n" * 64, "v" * 64, "0" * 64, "f" * 68)
WANTED = Pointer("v" * 64, "f" * 68, "0" * 64)


def test_the_longest_names_and_reasons_have_room():
    state = State(LONGEST, WANTED, "\x01" * REASON, 1.2345678901234567e300)
    roster = Roster()
    roster.write(0, Entry(2**22, {"champion": state, "challenger": state}))
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
            roster.write(slot, Entry(slot, STATES))
    with pytest.raises(ValueError, match="no room"):
        roster.write(4, Entry(4, {"champion": State(reason="x" * 20_000)}))
    assert [entry.pid for entry in roster.entries()] == [3, 4, 5][: 3 * writes]
    assert all(entry.states == STATES for entry in roster.entries())


def test_only_processes_that_are_there_live():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    roster = Roster()
    roster.write(0, Entry(os.getpid(), {}))
    roster.write(1, Entry(gone.pid, {}))
    assert [entry.pid for entry in roster.living()] == [os.getpid()]
    assert len(list(roster.entries())) == 2


def test_what_a_child_writes_its_parent_reads():
    roster = Roster()
    child = os.fork()
    if child == 0:
        roster.write(2, Entry.of_this_process(STATES))
        os._exit(0)
    os.waitpid(child, 0)
    assert list(roster.entries()) == [Entry(child, STATES)]


@pytest.mark.parametrize("slot", [0, 511])
def test_there_is_a_row_for_every_slot(slot):
    roster = Roster()
    roster.write(slot, Entry(1, {}))
    roster.write(slot, Entry(2, {}))
    assert [entry.pid for entry in roster.entries()] == [2]
