import os

import pytest

from model.registry.references import VersionReference
from service.serving.active_models import Serving
from service.serving.worker_state import REASON, RoleState, ServedVersion, WorkerState, WorkerStates
from tests.models import one_input

SERVED = ServedVersion("made", "1", "0" * 64, "1.npz")
STATES = {
    "champion": RoleState(SERVED, VersionReference("2", "2.npz", "1" * 64), "Unreadable: file: gone", 12.5),
    "challenger": RoleState(),
}


def entry(number):
    """The entry of a worker that has changed its champion so often."""
    return WorkerState({"champion": RoleState(SERVED, since=float(number))})


def test_an_entry_is_read_as_it_was_written():
    worker_states = WorkerStates()
    worker_states.write(3, WorkerState(STATES))
    assert list(worker_states.entries()) == [WorkerState(STATES)]


def test_the_newest_entry_of_each_slot_counts():
    worker_states = WorkerStates()
    for number in range(1, 6):
        for slot in (0, 7):
            worker_states.write(slot, entry(number * (slot + 1)))
    assert list(worker_states.entries()) == [entry(5), entry(40)]


def test_a_worker_that_dies_while_it_writes_leaves_its_last_entry():
    worker_states = WorkerStates()
    for number in (1, 2):
        worker_states.write(0, entry(number))
    unused = worker_states._records._place(0, 3)
    worker_states._records._memory[unused : unused + 100] = b"{" * 100
    assert list(worker_states.entries()) == [entry(2)]


def test_an_entry_that_two_workers_wrote_at_once_hides_no_other():
    worker_states = WorkerStates()
    for slot in (0, 1, 2):
        worker_states.write(slot, entry(slot))
    written = worker_states._records._place(1, 1)
    worker_states._records._memory[written + 50] ^= 1
    assert list(worker_states.entries()) == [entry(0), entry(2)]


LONGEST = ServedVersion("n" * 64, "v" * 64, "0" * 64, "f" * 68)
WANTED = VersionReference("v" * 64, "f" * 68, "0" * 64)


def test_the_longest_names_and_reasons_have_room():
    state = RoleState(LONGEST, WANTED, "\x01" * REASON, 1.2345678901234567e300)
    worker_states = WorkerStates()
    worker_states.write(0, WorkerState({"champion": state, "challenger": state}))
    worker_states.ended(0)
    assert next(worker_states.entries()).states["challenger"] == state


@pytest.mark.parametrize("reason", ["x" * 100_000, "\x01" * 100_000, "\N{PILE OF POO}" * 100_000], ids=["x", "control", "wide"])
def test_a_reason_of_any_length_is_told_by_its_beginning(reason):
    stage = Serving(one_input(), 100)
    for role in ("champion", "challenger"):
        stage.failed(role, WANTED, reason)
    (entry,) = stage.worker_states.entries()
    assert {state.reason for state in entry.states.values()} == {reason[:REASON]}
    assert entry.states == stage.active.states


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_an_entry_that_has_no_room_is_refused_and_takes_nothing_from_any_row(writes):
    worker_states = WorkerStates()
    for _ in range(writes):
        for slot in (3, 4, 5):
            worker_states.write(slot, entry(slot))
    with pytest.raises(ValueError, match="no room"):
        worker_states.write(4, WorkerState({"champion": RoleState(reason="x" * 20_000)}))
    assert list(worker_states.entries()) == [entry(3), entry(4), entry(5)][: 3 * writes]


def test_workers_live_until_they_are_told_to_have_ended_and_what_they_served_stays_known():
    worker_states = WorkerStates()
    for slot in (0, 1):
        worker_states.write(slot, entry(slot))
    worker_states.ended(1)
    worker_states.ended(2)
    assert worker_states.living() == [entry(0)]
    assert [known.states for known in worker_states.entries()] == [entry(0).states, entry(1).states]
    worker_states.write(1, entry(7))
    assert worker_states.living() == [entry(0), entry(7)]


def test_what_a_child_writes_its_parent_reads():
    worker_states = WorkerStates()
    child = os.fork()
    if child == 0:
        worker_states.write(2, WorkerState(STATES))
        os._exit(0)
    os.waitpid(child, 0)
    assert list(worker_states.entries()) == [WorkerState(STATES)]


@pytest.mark.parametrize("slot", [0, 511])
def test_there_is_a_row_for_every_slot(slot):
    worker_states = WorkerStates()
    worker_states.write(slot, entry(1))
    worker_states.write(slot, entry(2))
    assert list(worker_states.entries()) == [entry(2)]
