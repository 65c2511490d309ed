"""Decision logs of real servers on file systems that are full, read-only, gone or frozen: nothing is silent, all recovers."""

import json
import os
import shutil
import subprocess
import threading
import time
from contextlib import suppress

import pytest

from schemas.decision_record import loads
from service.decisions import reading
from tests.integration.load import orders
from tests.servers import absent, running, until

FAILING, FAILURES = "delivery_risk_decision_log_failing", 'delivery_risk_decision_log_failures_total{{policy="{}"}}'
POLICIES = ("refuse", "serve")
SMALL, LARGE = orders(1), orders(2000)
MIB = 2**20


def mount(*given):
    done = subprocess.run(["mount", *map(str, given)], capture_output=True, text=True, check=False)
    if done.returncode:
        absent(f"no file system can be mounted: {done.stderr.strip()}")


@pytest.fixture
def volume(tmp_path):
    """The folder of a small file system in memory."""
    folder = tmp_path / "volume"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={MIB}", "tmpfs", folder)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def disk(tmp_path):
    """The folder of a file system that `fsfreeze` can stop: a write there does not end until it is thawed."""
    folder, image = tmp_path / "disk", tmp_path / "image"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 * MIB)
    if shutil.which("mkfs.ext4") is None or shutil.which("fsfreeze") is None:
        absent("mkfs.ext4 or fsfreeze is not installed")
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mount("-o", "loop", image, folder)
    yield folder
    subprocess.run(["fsfreeze", "-u", folder], check=False, capture_output=True)
    subprocess.run(["umount", "-l", folder], check=True)


def log(folder, policy="refuse", workers=1, **more):
    names = {"decision_log": folder, "decision_log_on_failure": policy, "workers": workers, **more}
    return running(**{f"DELIVERY_RISK_{name.upper()}": str(value) for name, value in names.items()})


def score(server, body=SMALL):
    status, headers, answer = server.call("POST", "/score", body, {"Content-Type": "application/json"})
    return status, headers, json.loads(answer)


def ready(server):
    return server.call("GET", "/readyz")[0]


def recorded(folder):
    """The decision ids of complete lines; no other line may be there but a torn last one."""
    lines = [line for path in reading.log_files([str(folder)], reading.DECISIONS) for line in reading.lines(path)]
    return [loads(line.text).decision_id for line in lines if not line.torn]


def fails(server, policy):
    """The log fails, and everything says so; probes go on."""
    status, headers, answer = score(server, LARGE)
    assert (status, "decision_id" in answer) == ((503, False) if policy == "refuse" else (200, False))
    assert ("retry-after" in headers) == (policy == "refuse")
    assert until(lambda: ready(server) == (503 if policy == "refuse" else 200))
    assert server.call("GET", "/livez")[0] == 200
    found = server.metrics()
    assert found[FAILURES.format(policy)] >= 1
    assert found[FAILING] >= 1


def recovers(server, folder, known):
    """Without a request, the log is written again, and each answered decision is there exactly once."""
    assert until(lambda: server.metrics()[FAILING] == 0)
    assert until(lambda: ready(server) == 200)
    for _ in range(3):
        status, _, answer = score(server)
        assert status == 200
        known.append(answer["decision_id"])
    found = recorded(folder)
    assert len(set(found)) == len(found)
    assert set(known) <= set(found)
    assert len(server.lines("the decision log cannot be written")) == 1
    assert len(server.lines("the decision log can be written again")) == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_a_full_disk_is_seen_and_the_log_goes_on_once_there_is_room(volume, policy):
    with log(volume, policy) as server:
        known = [score(server)[2]["decision_id"]]
        filler = volume / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        fails(server, policy)
        filler.unlink()
        recovers(server, volume, known)
        assert len([*volume.iterdir()]) == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_a_log_that_fills_its_own_disk_has_complete_lines_alone(volume, policy):
    with log(volume, policy) as server:
        known = []
        while (answer := score(server, LARGE)[2]).get("decision_id"):
            known.append(answer["decision_id"])
        assert len(known) >= 3
        (path,) = volume.iterdir()
        assert [loads(line).decision_id for line in path.read_bytes().splitlines()] == known
        assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("policy", POLICIES)
def test_a_read_only_folder_is_seen_without_a_request(volume, policy):
    with log(volume, policy) as server:
        subprocess.run(["mount", "-o", "remount,ro", volume], check=True)
        assert until(lambda: server.metrics()[FAILING] == 1)
        fails(server, policy)
        subprocess.run(["mount", "-o", "remount,rw", volume], check=True)
        recovers(server, volume, [])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_folder_that_disappears_and_comes_back(tmp_path, policy):
    folder = tmp_path / "log"
    folder.mkdir()
    with log(folder, policy) as server:
        score(server)
        shutil.rmtree(folder)
        fails(server, policy)
        folder.mkdir()
        recovers(server, folder, [])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seconds", [4, pytest.param(20, marks=pytest.mark.long)])
def test_while_a_disk_hangs_probes_go_on_and_one_request_waits(disk, policy, seconds):
    with log(disk, policy, decision_log_sync="request", max_concurrent=4) as server:
        known, first = [score(server)[2]["decision_id"]], []
        subprocess.run(["fsfreeze", "-f", disk], check=True)
        begin = time.monotonic()
        waiting = threading.Thread(target=lambda: first.append(score(server)))
        waiting.start()
        try:
            assert until(lambda: server.metrics()[FAILING] == 1, 3)
            while time.monotonic() < begin + seconds:
                fails(server, policy)
            assert first == [], "its write has not ended"
        finally:
            subprocess.run(["fsfreeze", "-u", disk], check=True)
        waiting.join()
        (status, _, answer) = first[0]
        assert status == 200
        recovers(server, disk, [*known, answer["decision_id"]])


def test_a_loop_that_a_hanging_write_holds_does_not_stop_the_other_worker(disk):
    with log(disk, "serve", workers=2) as server:
        server.all_workers(2)
        score(server)
        subprocess.run(["fsfreeze", "-f", disk], check=True)
        waiting = threading.Thread(target=lambda: score(server))
        waiting.start()
        try:
            assert until(lambda: server.metrics()[FAILING] == 2, 5), "each worker knows"
            for _ in range(20):
                assert server.call("GET", "/livez")[0] == 200
                assert "decision_id" not in score(server)[2]
        finally:
            subprocess.run(["fsfreeze", "-u", disk], check=True)
        waiting.join()
        assert until(lambda: server.metrics()[FAILING] == 0)


def test_files_of_killed_workers_are_compressed_by_the_next_one(tmp_path):
    with log(tmp_path) as server:
        known = [score(server)[2]["decision_id"] for _ in range(3)]
        (path,) = tmp_path.iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        server.all_workers(1)
        server.kill_worker(1)
        assert until(lambda: not path.exists())
        known.append(score(server)[2]["decision_id"])
        assert sorted(recorded(tmp_path)) == sorted(known)
        assert {os.path.splitext(each)[1] for each in tmp_path.iterdir()} == {".gz", ".jsonl"}


@pytest.mark.parametrize("sync", ["none", "second", "request"])
def test_each_answered_decision_is_in_the_log_exactly_once_by_any_sync(tmp_path, sync):
    with log(tmp_path, decision_log_sync=sync, workers=2) as server:
        known = [score(server, body)[2]["decision_id"] for _ in range(10) for body in (SMALL, LARGE)]
        assert sorted(recorded(tmp_path)) == sorted(known)


def test_a_service_does_not_start_without_its_folder(tmp_path):
    with pytest.raises(AssertionError, match="DELIVERY_RISK_DECISION_LOG: the folder does not exist"), log(tmp_path / "none"):
        pass
