"""A command that is told to end takes away what is half written, and ends by the signal."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from typing import Any

import pytest

from tests.servers import until
from tests.unit.service.cli.test_score import HEADER, ROWS

SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]
MANY = HEADER + "".join(f"{number},3,,2,1\n" for number in range(30_000))
SCORE = [sys.executable, "-m", "service.cli", "score"]


def drafts(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def heeding():
    """Let the signals end this process, whatever it was told by who started the tests."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def held(pipe):
    """How many bytes wait in a pipe to be read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.fixture
def scoring(tmp_path):
    """A run that has begun to write its results and waits for the rest of its orders; its standard input."""
    command = [*SCORE, "--format", "csv", "--out", "out.csv"]
    (tmp_path / "out.csv").write_text("old")
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def scoring(*before):
        process = subprocess.Popen([*before, *command], cwd=tmp_path, text=True, preexec_fn=heeding, **pipes)
        process.stdin.write(MANY)
        process.stdin.flush()
        assert until(lambda: drafts(tmp_path)), process.communicate(timeout=10)
        return process

    return scoring


@pytest.mark.parametrize("number", SIGNALS)
def test_told_to_end_it_leaves_no_draft_and_says_nothing(scoring, tmp_path, number):
    with scoring() as process:
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == -number
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "old"


def test_a_signal_that_was_ignored_before_is_ignored(scoring, tmp_path):
    with scoring("nohup") as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert (tmp_path / "out.csv").read_text().count("\n") == MANY.count("\n")


def test_told_twice_in_a_row_it_still_leaves_no_draft(scoring, tmp_path):
    with scoring() as process:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        process.communicate(timeout=10)
    assert process.returncode in (-signal.SIGHUP, -signal.SIGTERM)
    assert drafts(tmp_path) == []


def test_told_to_end_while_nobody_reads_its_output_it_does_not_wait_for_a_reader(tmp_path):
    (tmp_path / "orders.csv").write_text(MANY)
    reader, writer = os.pipe()

    def waits():
        before = held(reader)
        time.sleep(0.3)
        return 0 < before == held(reader)

    process = subprocess.Popen([*SCORE, tmp_path / "orders.csv"], stdout=writer)
    os.close(writer)
    try:
        assert until(waits)
        # Told once more, since Python heeds no signal that comes just before it begins to wait for the reader.
        assert until(lambda: process.terminate() or process.poll() is not None)
        assert process.returncode == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def test_a_first_process_that_its_own_signals_do_not_end_exits_with_their_code(run, monkeypatch):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    before = [signal.getsignal(number) for number in SIGNALS]
    heeding()
    monkeypatch.setattr("service.offline.chunks.run", interrupted)
    monkeypatch.setattr(signal, "raise_signal", lambda _: None)
    assert run("score", given=HEADER + ROWS).exit_code == 130
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_DFL] * 3
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)
