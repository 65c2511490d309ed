"""Versions are swapped under load, beside broken files and killed workers, and leave no memory behind."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from model.registry import references, versions
from model.registry.references import VersionReference
from tests.apps import service_of
from tests.facts import ROOT
from tests.integration.model_swaps import BROKEN, WORKERS, Client, publish, seconds_until_all_serve
from tests.registries import refer
from tests.servers import running


@pytest.mark.parametrize(
    ("swaps", "broken", "kills", "requests", "longest"),
    [
        (6, 13, 2, 1_500, 0.3),
        pytest.param(30, 20, 5, 8_000, 0.5, marks=pytest.mark.long),
        pytest.param(90, 40, 12, 30_000, 0.5, marks=[pytest.mark.long, pytest.mark.longest]),
    ],
    ids=["short", "long", "longest"],
)
def test_swaps_beside_broken_files_and_killed_workers_give_no_wrong_answer(tmp_path, swaps, broken, kills, requests, longest):
    draw = random.Random(swaps)
    known = {str(number): publish(tmp_path, number) for number in range(10)}
    refer(tmp_path, known["0"].at)
    steps = draw.sample(["swap"] * swaps + ["break"] * broken + ["kill"] * kills, swaps + broken + kills)
    breaking = [name for _ in range(broken // len(BROKEN) + 1) for name in BROKEN]
    current, lags, killed_at = "0", [], []
    with running(DELIVERY_RISK_MODEL=str(tmp_path), WEB_CONCURRENCY=str(WORKERS), DELIVERY_RISK_LOG_LEVEL="error") as server:
        seconds_until_all_serve(server, current)  # a first worker that is killed before it is ready ends the service
        clients = [Client(server.port, known, seed) for seed in range(3)]
        for step in [*steps, "swap"]:
            if step == "swap":
                current = draw.choice([version for version in known if version != current])
                refer(tmp_path, known[current].at)
                lags.append(seconds_until_all_serve(server, current))
            elif step == "break":
                BROKEN[breaking.pop()](tmp_path, int(current) + 100)
                time.sleep(draw.uniform(0.1, longest))
            else:
                killed_at.append(time.monotonic())
                server.kill_worker(WORKERS)
                server.renewed(server.killed, WORKERS)
                seconds_until_all_serve(server, current)
        while sum(client.outcomes.total() for client in clients) < requests:
            time.sleep(0.05)
        for client in clients:
            client.stopped = True
            client.join(30)
        failures = [value for name, value in server.metrics().items() if "reload_failures_total{" in name]
        assert server.process.poll() is None
    outcomes = sum((client.outcomes for client in clients), Counter())
    lags.sort()
    assert outcomes.keys() <= {"scored", "rejected", "read"}, [outcomes, *(client.wrong for client in clients)]
    assert outcomes["scored"] > requests / 4
    assert outcomes["rejected"] > requests / 4
    assert all(any(0 <= lost - killed < 2 for killed in killed_at) for client in clients for lost in client.lost_at)
    assert lags[max(0, len(lags) * 99 // 100 - 1)] <= 1
    assert lags[-1] <= 3
    assert sum(failures) >= broken / 2


def test_a_file_of_a_later_format_is_named_and_the_version_before_goes_on_answering(tmp_path):
    known = {str(number): publish(tmp_path, number) for number in (0, 2)}
    refer(tmp_path, known["0"].at)
    failures = 'delivery_risk_model_reload_failures_total{reason="BadManifest",role="champion"}'
    with running(DELIVERY_RISK_MODEL=str(tmp_path), WEB_CONCURRENCY=str(WORKERS)) as server:
        seconds_until_all_serve(server, "0")
        BROKEN["a later format"](tmp_path, 3)
        reasons = {line["reason"] for line in server.lines('"model not changed"', WORKERS)}
        assert reasons == {
            "BadManifest: bad.npz: manifest.format: expected 1 or 2; a later format needs a later version of the service"
        }
        client = Client(server.port, known, 0)
        for _ in range(20):
            champion = json.loads(server.call("GET", "/model")[2])["lineup"]["champion"]
            assert [champion[which]["version"] for which in ("served", "wanted")] == ["0", "3"]
            assert {champion["reason"]} == reasons
            assert server.call("GET", "/readyz")[0] == 200
        samples = server.metrics()
        assert samples['delivery_risk_model_reload_success{role="champion"}'] == 0
        assert samples[failures] >= WORKERS
        refer(tmp_path, known["2"].at)
        seconds_until_all_serve(server, "2")
        client.stopped = True
        client.join(30)
        assert json.loads(server.call("GET", "/model")[2])["lineup"]["champion"]["reason"] is None
    assert client.outcomes.keys() <= {"scored", "rejected", "read"}, [client.outcomes, client.wrong]
    assert (client.outcomes["scored"] > 0, client.lost_at) == (True, [])


def memory_of_swaps(directory: str, swaps: int) -> float:
    """The MiB by which a service grows while its champion and challenger are swapped, after the first 300 swaps."""
    models, sizes, service = Path(directory), [], service_of(model=directory)
    client = service.app.test_client()
    known = [
        references.dumps([VersionReference(version, f"{version}.npz", str(versions.get(models, version).sha256))])
        for version in "123"
    ]
    for swap in range(swaps):
        for name, number in ((references.CURRENT, swap), (references.CHALLENGER, swap + 1)):
            (models / "new").write_bytes(known[number % 3])
            os.replace(models / "new", models / name)
        service.reloader.look()
        answer = client.post("/score", json={"orders": [{"order_id": "a", "f0": 1}]})
        assert answer.json["model_version"] == "123"[swap % 3]
        assert service.serving.active.challenger is not None
        if swap % 50 == 0:
            client.get("/openapi.json")
        if swap % 100 == 99:
            sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    return (sizes[-1] - sizes[2]) / 2**20


@pytest.mark.long
def test_memory_stays_flat_over_thousands_of_swaps(models):
    work = f"from tests.integration.test_model_swaps import memory_of_swaps; print(memory_of_swaps({str(models)!r}, 2000))"
    done = subprocess.run([sys.executable, "-c", work], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.004 * (2000 - 300), "MiB since the first 300"
