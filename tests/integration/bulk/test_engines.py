"""All engines write the same bytes, also where their processes are killed, and leave no process behind."""

import os
import random
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bulk_files import NAMES, tree, write_orders
from tests.bulk_runs import bulk
from tests.integration.bulk.killing import group
from tests.servers import SIGNALS, default_handlers, ended, environment, free_port, until

COMMAND = [sys.executable, "-m", "service.cli", "bulk"]
LOST = "a process was killed or not started, perhaps for lack of memory; give fewer --jobs. Run it again to go on."
LONG = pytest.mark.long
LONGEST = [LONG, pytest.mark.longest]


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    return write_orders(tmp_path_factory.mktemp("engines") / "orders", 6000)


@pytest.fixture(scope="module")
def expected(orders):
    """What one process writes."""
    bulk(orders, orders.parent / "expected")
    return tree(orders.parent / "expected")


@contextmanager
def started(*arguments):
    """The real program, in a group of processes of its own that is killed at the end."""
    command = [*COMMAND, *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(), start_new_session=True, preexec_fn=default_handlers, **pipes) as process:
        try:
            yield process
        finally:
            for pid in group(process.pid):
                os.kill(pid, signal.SIGKILL)


def completed(process):
    """Its exit code, and what it wrote to standard error."""
    _, error = process.communicate(timeout=100)
    assert "Traceback" not in error
    return process.returncode, error


def records(results):
    return [path for path in results.rglob("_parts/**/*.json") if path.name != "_made_by.json"]


def begun(results):
    """Whether some parts are complete, and others are not."""
    return until(lambda: records(results)) and len(records(results)) < len(NAMES)


def workers(process):
    return [pid for pid in group(process.pid) if pid != process.pid]


def test_two_processes_write_the_bytes_of_one(orders, expected, tmp_path):
    with started(orders, tmp_path / "results", "--jobs", "2") as process:
        code, error = completed(process)
    assert (code, "8 of 8 files: 8 scored" in error) == (0, True)
    assert tree(tmp_path / "results") == expected


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=LONGEST), pytest.param(2, marks=LONGEST)])
def test_shards_in_any_order_write_the_bytes_of_one_run(orders, expected, tmp_path, seed):
    shards = random.Random(seed).sample(range(4), 4)
    for shard in [*shards, *shards[:2]]:
        assert (tmp_path / "results/_SUCCESS.json").exists() == (len(records(tmp_path / "results")) == len(NAMES))
        bulk(orders, tmp_path / "results", "--shard", f"{shard}/4")
    assert tree(tmp_path / "results") == expected


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=LONGEST)])
def test_shards_at_the_same_time_write_the_bytes_of_one_run(expected, orders, tmp_path, rounds):
    for number in range(rounds):
        results = tmp_path / f"{number}"
        with ExitStack() as stack:
            running = [stack.enter_context(started(orders, results, "--shard", f"{shard % 4}/4")) for shard in range(5)]
            assert [completed(process)[0] for process in running] == [0] * 5
        assert tree(results) == expected


def test_a_process_that_is_killed_ends_the_run_and_the_next_one_completes_it(orders, expected, tmp_path):
    with started(orders, tmp_path / "results", "--jobs", "2") as process:
        assert begun(tmp_path / "results")
        os.kill(workers(process)[0], signal.SIGKILL)
        code, error = completed(process)
        assert (code, error.splitlines()[-1]) == (2, f"Error: {LOST}")
        assert until(lambda: not group(process.pid))
    assert "_SUCCESS.json" not in tree(tmp_path / "results")
    assert not (tmp_path / "results/_drafts").exists()
    bulk(orders, tmp_path / "results")
    assert tree(tmp_path / "results") == expected


@pytest.mark.parametrize(
    ("options", "number"),
    [(["--jobs", "2"], signal.SIGINT), (["--jobs", "2"], signal.SIGTERM), ([], signal.SIGTERM)]
    + [pytest.param(["--engine", "dask", "--jobs", "2"], number, marks=LONGEST) for number in SIGNALS],
)
@pytest.mark.parametrize("send", [os.kill, pytest.param(os.killpg, marks=LONGEST)])
def test_a_signal_ends_all_processes_and_leaves_no_draft(orders, expected, tmp_path, options, number, send):
    with started(orders, tmp_path / "results", *options) as process:
        assert begun(tmp_path / "results")
        send(process.pid, number)
        code, error = completed(process)
        assert code == -number, error
        assert until(lambda: not group(process.pid))
    assert not (tmp_path / "results/_drafts").exists()
    files = {name: content for name, content in tree(tmp_path / "results").items() if not name.endswith("/")}
    assert files.items() <= expected.items()
    bulk(orders, tmp_path / "results")
    assert tree(tmp_path / "results") == expected


@LONG
@pytest.mark.parametrize("kill", [False, True])
def test_a_cluster_of_dask_on_this_machine_writes_the_same_bytes(orders, expected, tmp_path, kill):
    """Where `kill`, one of its workers is killed, and its nanny starts another."""
    with started(orders, tmp_path / "results", "--engine", "dask", "--jobs", "2") as process:
        if kill:
            assert begun(tmp_path / "results")
            os.kill(scoring(process), signal.SIGKILL)
        code, error = completed(process)
        assert code == 0, error
        assert until(lambda: not group(process.pid))
    assert tree(tmp_path / "results") == expected


def scoring(process):
    """A worker of a local cluster: a process without others below it."""
    found = [pid for pid in workers(process) if not Path(f"/proc/{pid}/task/{pid}/children").read_text()]
    return next(pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())


@contextmanager
def dask(*arguments):
    """A program of Dask, until the block ends."""
    command = [sys.executable, "-m", "dask", *map(str, arguments)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            ended(process)


@contextmanager
def scheduler(folder):
    """The address of a scheduler of Dask."""
    file, port = folder / "scheduler.json", free_port()
    with dask("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--scheduler-file", file):
        assert until(file.exists, 60)
        yield f"tcp://127.0.0.1:{port}"


def worker(address, folder):
    options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--local-directory", folder]
    return dask("worker", address, *options)


def test_a_worker_of_a_scheduler_that_is_killed_is_replaced_by_another(orders, expected, tmp_path):
    with scheduler(tmp_path) as address, worker(address, tmp_path) as first:
        with started(orders, tmp_path / "results", "--engine", "dask", "--scheduler", address) as process:
            assert until(lambda: records(tmp_path / "results"), 60)
            first.kill()
            assert len(records(tmp_path / "results")) < len(NAMES)
            with worker(address, tmp_path):
                code, error = completed(process)
        assert code == 0, error
        assert str(orders) not in error
        assert tree(tmp_path / "results") == expected


@LONG
def test_a_scheduler_that_is_not_there_or_goes_away_ends_the_run_with_a_message(orders, tmp_path):
    with started(orders, tmp_path / "results", "--engine", "dask", "--scheduler", f"tcp://127.0.0.1:{free_port()}") as process:
        code, error = completed(process)
    assert code == 2, error
    assert "scheduler" in error
    with ExitStack() as run:
        with scheduler(tmp_path) as address, worker(address, tmp_path):
            process = run.enter_context(started(orders, tmp_path / "results", "--engine", "dask", "--scheduler", address))
            assert until(lambda: records(tmp_path / "results"), 60)
        code, error = completed(process)
    assert code == 2, error
