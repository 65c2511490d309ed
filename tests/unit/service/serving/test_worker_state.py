import os

import pytest

from model.registry.references import VersionReference
from service.serving.active_models import Serving
from service.serving.worker_state import REASON, RoleState, ServedVersion, WorkerState, WorkerStates
from tests.models import one_input

SERVED = ServedVersion("made", "1", "0" * 64, "1.npz")
BOTH = WorkerState(
    {
        "champion": RoleState(SERVED, VersionReference("2", "2.npz", "1" * 64), "Unreadable: file: gone", 12.5),
        "challenger": RoleState(),
    }
)
LONGEST = ServedVersion("n" * 64, "v" * 64, "0" * 64, "f" * 68)
WANTED = VersionReference("v" * 64, "f" * 68, "0" * 64)


def state(number):
    """The state of a worker whose champion has changed this many times."""
    return WorkerState({"champion": RoleState(SERVED, since=float(number))})


def test_the_parent_reads_the_state_that_a_child_has_written():
    workers = WorkerStates()
    child = os.fork()
    if child == 0:
        workers.write(2, BOTH)
        os._exit(0)
    os.waitpid(child, 0)
    assert list(workers.all()) == [BOTH]


def test_each_slot_has_the_state_last_written_to_it():
    workers = WorkerStates()
    for number in range(1, 6):
        for slot in (0, 7, 511):
            workers.write(slot, state(number * (slot + 1)))
    assert list(workers.all()) == [state(5), state(40), state(5 * 512)]


def test_the_longest_names_and_reasons_fit():
    role = RoleState(LONGEST, WANTED, "\x01" * REASON, 1.2345678901234567e300)
    workers = WorkerStates()
    workers.write(0, WorkerState({"champion": role, "challenger": role}))
    workers.ended(0)
    assert next(workers.all()).states["challenger"] == role


@pytest.mark.parametrize("reason", ["x" * 100_000, "\x01" * 100_000, "\N{PILE OF POO}" * 100_000], ids=["x", "control", "wide"])
def test_a_long_reason_is_reported_by_its_beginning(reason):
    serving = Serving(one_input(), 100)
    for role in ("champion", "challenger"):
        serving.set_failed(role, WANTED, reason)
    (worker,) = serving.worker_states.all()
    assert {role.reason for role in worker.states.values()} == {reason[:REASON]}
    assert worker.states == serving.active.states


def test_a_worker_lives_until_it_has_ended_and_what_it_served_stays_known():
    workers = WorkerStates()
    for slot in (0, 1):
        workers.write(slot, state(slot))
    workers.ended(1)
    workers.ended(2)
    assert [known for known in workers.all() if known.lives] == [state(0)]
    assert [known.states for known in workers.all()] == [state(0).states, state(1).states]
    workers.write(1, state(7))
    assert list(workers.all()) == [state(0), state(7)]
