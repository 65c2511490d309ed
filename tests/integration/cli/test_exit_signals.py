"""A command that is interrupted removes partial output and ends by the signal."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from typing import Any

import pytest

from tests.order_files import HEADER, ROWS, many
from tests.servers import SIGNALS, default_handlers, until

MANY = many(30_000)
SCORE = [sys.executable, "-m", "service.cli", "score"]


def drafts(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def waiting(pipe):
    """How many bytes in a pipe are not read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.fixture
def scoring(tmp_path):
    """A run that has begun to write its results and waits for the rest of its orders; its standard input."""
    command = [*SCORE, "--format", "csv", "--out", "out.csv"]
    (tmp_path / "out.csv").write_text("old")
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def scoring(*before):
        process = subprocess.Popen([*before, *command], cwd=tmp_path, text=True, preexec_fn=default_handlers, **pipes)
        process.stdin.write(MANY)
        process.stdin.flush()
        assert until(lambda: drafts(tmp_path)), process.communicate(timeout=10)
        return process

    return scoring


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_without_a_draft_and_without_a_message(scoring, tmp_path, number):
    with scoring() as process:
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == -number
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "old"


def test_a_signal_that_is_ignored_stays_ignored(scoring, tmp_path):
    with scoring("nohup") as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert (tmp_path / "out.csv").read_text().count("\n") == MANY.count("\n")


def test_several_signals_leave_no_draft_either(scoring, tmp_path):
    with scoring() as process:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        process.communicate(timeout=10)
    assert process.returncode in (-signal.SIGHUP, -signal.SIGTERM)
    assert drafts(tmp_path) == []


def test_a_signal_ends_it_while_it_waits_for_a_reader(tmp_path):
    (tmp_path / "orders.csv").write_text(MANY)
    reader, writer = os.pipe()

    def waits():
        before = waiting(reader)
        time.sleep(0.3)
        return 0 < before == waiting(reader)

    process = subprocess.Popen([*SCORE, tmp_path / "orders.csv"], stdout=writer)
    os.close(writer)
    try:
        assert until(waits, 30)
        # Sent again: Python may begin to wait just after the first signal, and would then not handle it.
        assert until(lambda: process.terminate() or process.poll() is not None)
        assert process.returncode == -signal.SIGTERM
    finally:
        process.kill()
        process.wait()
        os.close(reader)


def test_process_1_of_a_container_exits_with_the_code_of_the_signal(run, monkeypatch):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    before = [signal.getsignal(number) for number in SIGNALS]
    default_handlers()
    monkeypatch.setattr("service.cli.score.score_parts", interrupted)
    monkeypatch.setattr(signal, "raise_signal", lambda _: None)
    assert run("score", given=HEADER + ROWS).exit_code == 130
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_DFL] * 3
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)
