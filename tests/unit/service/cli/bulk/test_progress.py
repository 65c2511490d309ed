"""The line that shows the progress of a run."""

import sys

import pytest

from service.cli.bulk import progress
from service.cli.bulk.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_line_has_parts_rows_the_rate_and_the_time_left(clock):
    shown = Progress(4, 1000)
    clock[0] += 10
    shown.take(250, 5000, skipped=False)
    assert shown.text() == "1 of 4 parts, 5,000 rows, 500 rows/s, 0:00:30 left"


def test_a_part_that_is_skipped_does_not_count_for_the_rate(clock):
    shown = Progress(3, 1000)
    clock[0] += 10
    shown.take(500, 9000, skipped=True)
    assert shown.text() == "1 of 3 parts, 0 rows, 0 rows/s, 0:00:00 left"
    shown.take(100, 1000, skipped=False)
    assert shown.text() == "2 of 3 parts, 1,000 rows, 100 rows/s, 0:00:40 left"


def test_hours_are_shown_as_such(clock):
    shown = Progress(2, 2)
    clock[0] += 3723
    shown.take(1, 1, skipped=False)
    assert shown.text().endswith(" 1:02:03 left")


@pytest.mark.parametrize("terminal", [True, False])
def test_the_line_is_shown_on_a_terminal_alone(capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with Progress(1, 1) as shown:
        shown.interrupt()
        shown.take(1, 1, skipped=False)
    assert ("1 of 1 parts" in capsys.readouterr().err) is terminal
