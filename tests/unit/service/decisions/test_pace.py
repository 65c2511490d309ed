"""The pace of a search: it ends at its deadline and pauses between portions of work. The clock is one of the test."""

from itertools import count

import pytest

from service.decisions.pace import PAUSE_SECONDS, WORK_SECONDS, OutOfTime, Pace


def test_a_search_goes_on_until_its_seconds_are_over():
    now = [100.0]
    pace = Pace(2.0, lambda: now[0], lambda _: None)
    for now[0] in (100.0, 101.0, 101.99):
        pace()
    for now[0] in (102.0, 103.0):
        with pytest.raises(OutOfTime):
            pace()


def test_it_pauses_once_it_has_worked_for_long_enough_since_the_last_pause():
    ticks, pauses = count(), []
    pace = Pace(1000.0, lambda: next(ticks) * WORK_SECONDS / 2.5, pauses.append)
    for _ in range(9):
        pace()
    # The clock advances by 0.4 portions with each look: a pause comes with each third one, and looks at the clock itself.
    assert pauses == [PAUSE_SECONDS] * 3
