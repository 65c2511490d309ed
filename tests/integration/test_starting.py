"""Workers that cannot be started end neither the service nor its other workers, and are tried again."""

import os
import resource
import shutil
import signal
import subprocess
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from tests.facts import ORDER, ROOT
from tests.servers import GUNICORN, SERVE, absent, running, until

STARTED = "delivery_risk_workers_started_total"
NOBODY = 23456


def unprivileged(command):
    """The command without root's right to any number of processes."""
    if os.geteuid() != 0:
        return command
    rights = "+dac_override,+dac_read_search"  # the checkout and its environment may be root's alone
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={rights}", f"--ambient-caps={rights}"]
    return ["setpriv", *user, *command]


def prlimit(pid, *options):
    """Run prlimit on the process, as its user."""
    command = unprivileged(["prlimit", "--pid", str(pid), *options])
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()


@contextmanager
def lack_of(what, pid):
    """The process cannot fork, make files, or have its children start all their threads, until the block ends."""
    size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    name, most = {"fork": ("nproc", 1), "heartbeat": ("nofile", 3), "start": ("as", size + 16 * 2**20)}[what]
    before = prlimit(pid, f"--{name}", "--output=SOFT", "--noheadings", "--raw")
    prlimit(pid, f"--{name}={most}:")
    try:
        yield
    finally:
        prlimit(pid, f"--{name}={before}:")


@pytest.fixture(autouse=True)
def tools():
    """Those of util-linux by which a process gets its limits."""
    if not all(map(shutil.which, ("prlimit", "setpriv"))):
        absent("prlimit and setpriv are not installed")


def failures(server):
    """How many workers could not be started, by reason."""
    found = server.metrics()
    return {name: found[f'delivery_risk_workers_failed_total{{reason="{name}"}}'] for name in ("fork", "heartbeat", "start")}


@pytest.mark.parametrize(("what", "command"), [("fork", SERVE), ("fork", GUNICORN), ("heartbeat", GUNICORN), ("start", SERVE)])
def test_a_worker_that_cannot_be_started_is_tried_again_and_the_others_serve(what, command):
    with running(unprivileged(command), DELIVERY_RISK_THREADS="32", OPENBLAS_NUM_THREADS="1") as server:
        lost, kept = server.all_workers(2)
        assert until(lambda: server.metrics()[STARTED] == 2)
        descriptors = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        with lack_of(what, server.process.pid):
            os.kill(lost, signal.SIGKILL)
            assert until(lambda: failures(server)[what] >= 3), server.log()
            assert server.score([ORDER])["results"]
            assert kept in server.workers()
        server.renewed([lost], 2)
        assert until(lambda: server.metrics()[STARTED] == 3)
        assert {reason for reason, count in failures(server).items() if count} == {what}
        waits = [float(line["message"].split()[-2]) for line in server.lines("a worker could not be started")]
        assert waits[:3] == [0.1, 0.2, 0.4]
        assert what != "start" or "Cannot allocate memory" in server.lines("cannot count for the metrics")[0]["exc_info"]
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) == descriptors
        server.process.terminate()
        assert server.process.wait(20) == 0


def test_where_memory_is_short_the_kernel_ends_a_worker_rather_than_the_master():
    with running() as server:
        workers = server.all_workers(2)
        assert server.score([ORDER])["results"]
        assert until(lambda: server.metrics()[STARTED] == 2)
        master, *others = (
            int(Path(f"/proc/{process}/oom_score_adj").read_text()) for process in (server.process.pid, *workers)
        )
        assert others == [min(1000, master + 100)] * 2


def test_a_service_without_any_worker_comes_back_when_one_can_be_forked():
    with running(unprivileged(SERVE), OPENBLAS_NUM_THREADS="1") as server:
        before = server.all_workers(2)
        assert until(lambda: server.metrics()[STARTED] == 2)
        with lack_of("fork", server.process.pid):
            for worker in before:
                os.kill(worker, signal.SIGKILL)
            server.lines("a worker could not be started", 3)
            assert server.workers() == []
        server.renewed(before, 2)
        assert server.score([ORDER])["results"]


NEVER_READY = """
from service.wsgi import options

globals().update(options)

def post_worker_init(worker):
    raise RuntimeError("can't start new thread")
"""


def test_a_first_start_whose_workers_do_not_become_ready_ends_with_one_plain_line(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(NEVER_READY)
    command = [GUNICORN[0], "-c", str(tmp_path / "gunicorn.conf.py"), GUNICORN[-1]]
    environ = os.environ | {"DELIVERY_RISK_BIND": "127.0.0.1:0"}
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == "delivery-risk: no worker could be started: it ended before it was ready, see its lines in the log\n"
    assert "RuntimeError: can't start new thread" in ended.stdout


NO_PROGRAM = """
from service.wsgi import options

globals().update(options)

def when_ready(arbiter):
    arbiter.START_CTX[0] = "/nowhere"
"""


@pytest.mark.parametrize("what", ["fork", "exec"])
def test_a_new_master_that_cannot_be_started_leaves_the_old_one_and_its_workers(what, tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text(NO_PROGRAM)
    command = GUNICORN if what == "fork" else [GUNICORN[0], "-c", str(tmp_path / "gunicorn.conf.py"), GUNICORN[-1]]
    with running(unprivileged(command), OPENBLAS_NUM_THREADS="1") as server:
        before = server.all_workers(2)
        assert until(lambda: server.metrics()[STARTED] == 2)
        with lack_of("fork", server.process.pid) if what == "fork" else nullcontext():
            server.process.send_signal(signal.SIGUSR2)
            assert until(lambda: "a new master could not be started" in server.log())
        assert until(lambda: server.workers() == before)
        assert server.score([ORDER])["results"]
        server.process.terminate()
        assert server.process.wait(20) == 0
