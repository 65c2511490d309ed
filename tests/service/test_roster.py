import os
import subprocess
import sys

import pytest

from model.pointer import Pointer
from service.roster import HALF, Entry, Roster, State, Version

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
    half = roster._place(0, 3)
    roster._memory[half : half + HALF] = b"{".ljust(HALF)
    assert [entry.pid for entry in roster.entries()] == [2]


def test_the_longest_names_and_reasons_have_room():
    longest = Version("n" * 64, "v" * 64, "0" * 64, "f" * 68)
    state = State(longest, Pointer("v" * 64, "f" * 68, "0" * 64), "\x01" * 300, 1e10)
    roster = Roster()
    roster.write(0, Entry(2**22, {"champion": state, "challenger": state}))
    assert next(roster.entries()).states["challenger"] == state


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
