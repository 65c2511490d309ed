import fcntl
import logging
import os
import threading

import pytest

from service.telemetry.log_writer import LogWriter


@pytest.fixture
def pipe():
    """A pipe that holds 4 KiB: its reading and its writing end."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test closed it


@pytest.fixture
def dropped():
    return []


@pytest.fixture(params=["at once", "queued"])
def way(request, monkeypatch):
    """How a line is written: at once, or, as where the C library has no call for that, by a thread that may wait."""
    if request.param == "queued":
        monkeypatch.delattr(os, "RWF_NOWAIT")
    return request.param


REPORT = "log lines were dropped"


@pytest.fixture
def log(pipe, dropped, way):
    """A logger whose only handler is a LogWriter to the pipe."""
    writer = LogWriter(pipe[1], lambda: dropped.append(1))
    logger = logging.Logger("test")
    logger.addHandler(writer)
    yield logger
    writer.close()


def flush(log):
    log.handlers[0].flush()


def lines_of(pipe, last):
    """The lines of the pipe, up to one that contains the text."""
    text = b""
    while last not in text or not text.endswith(b"\n"):
        text += os.read(pipe[0], 65536)
    return text.decode().splitlines()


def test_lines_are_written_in_order(pipe, log):
    for number in range(50):
        log.info("line %d 🚚", number)
    assert lines_of(pipe, b"line 49") == [f"line {number} 🚚" for number in range(50)]


@pytest.mark.parametrize("way", ["at once"], indirect=True)
def test_no_thread_is_started_for_a_line_that_the_kernel_takes_at_once(pipe, log):
    log.info("first")
    assert os.read(pipe[0], 65536) == b"first\n"
    assert log.handlers[0]._thread is None


def test_a_pipe_that_nobody_reads_holds_nobody_up_and_each_line_is_written_or_counted(pipe, log, dropped):
    for number in range(20_000):
        log.info("line %05d %s", number, "x" * 100)
    written = []
    reader = threading.Thread(target=lambda: written.extend(lines_of(pipe, b"and on")))
    reader.start()
    flush(log)
    log.info("and on")
    reader.join(20)
    *before, report, last = written
    assert (report, last) == (REPORT, "and on")
    lines = [line for line in before if line != REPORT]  # the first lines may be dropped before the pipe is full
    assert lines == sorted(lines)
    assert dropped
    assert len(lines) + len(dropped) == 20_000


def test_lines_that_cannot_be_written_are_counted(pipe, log, dropped):
    os.close(pipe[0])
    for _ in range(3):
        log.info("no reader")
    flush(log)
    assert len(dropped) >= 3


def test_a_forked_process_logs_although_the_lock_was_held_and_lines_were_queued(pipe, log):
    log.info("x" * 10_000)  # more than the pipe holds
    held, release = threading.Event(), threading.Event()

    def hold():
        with log.handlers[0]._changed:
            held.set()
            release.wait(10)

    threading.Thread(target=hold).start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        log.info("child")
        flush(log)
        os._exit(0)
    release.set()
    text = b""
    while len(text) < 10_000 + len("\nchild\n"):
        text += os.read(pipe[0], 65536)
    assert (text.count(b"x"), text.count(b"child\n")) == (10_000, 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("way", ["queued"], indirect=True)
def test_lines_wait_until_a_thread_can_be_started(pipe, log, monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        log.info("first")
    log.info("second")
    assert lines_of(pipe, b"second") == ["first", "second"]


@pytest.mark.parametrize("way", ["queued"], indirect=True)
def test_a_closed_writer_ends_its_thread_and_writes_later_lines(pipe, log):
    log.info("first")
    writer = log.handlers[0]
    thread = writer._thread
    writer.close()
    thread.join(10)
    assert not thread.is_alive()
    log.info("second")
    assert lines_of(pipe, b"second") == ["first", "second"]


def test_a_process_that_can_start_no_thread_writes_its_last_lines_when_it_exits(pipe, log, monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    log.info("first")
    log.info("last")
    flush(log)
    assert lines_of(pipe, b"last") == ["first", "last"]
    log.info("x" * 10_000)  # more than the pipe holds
    flush(log)
    assert os.read(pipe[0], 65536) == b"x" * 4096
