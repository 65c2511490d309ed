import os
import random
import signal
import time
from collections import Counter

import pytest

from tests.integration.model_swaps import BROKEN, Client, Versions
from tests.servers import Server, running

WORKERS = 2
CHAMPION = 'delivery_risk_model_info{name="made",role="champion"'


def seconds_until_all_serve(server: Server, version: str) -> float:
    """How long it takes from now until every worker tells that it serves the version."""
    began = time.monotonic()
    while True:
        served = {name: value for name, value in server.metrics().items() if name.startswith(CHAMPION)}
        if sum(served.values()) == WORKERS and all(f'version="{version}"' in name for name in served):
            return time.monotonic() - began
        assert time.monotonic() - began < 20, (version, served, server.log()[-2000:])
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("swaps", "broken", "kills", "requests", "longest"),
    [
        (6, 12, 2, 1_500, 0.3),
        pytest.param(30, 20, 5, 8_000, 0.5, marks=pytest.mark.long),
        pytest.param(90, 40, 12, 30_000, 0.5, marks=[pytest.mark.long, pytest.mark.longest]),
    ],
    ids=["short", "long", "longest"],
)
def test_swaps_under_load_beside_broken_files_and_killed_workers(tmp_path, swaps, broken, kills, requests, longest):
    draw = random.Random(swaps)
    versions = Versions(tmp_path, 10)
    versions.point(versions.known["0"].at)
    steps = draw.sample(["swap"] * swaps + ["break"] * broken + ["kill"] * kills, swaps + broken + kills)
    breaking = [name for _ in range(broken // len(BROKEN) + 1) for name in BROKEN]
    current, lags, killed_at = "0", [], []
    with running(DELIVERY_RISK_MODEL=str(tmp_path), WEB_CONCURRENCY=str(WORKERS), DELIVERY_RISK_LOG_LEVEL="error") as server:
        server.all_workers(WORKERS)
        clients = [Client(server, versions, seed) for seed in range(3)]
        for client in clients:
            client.start()
        for step in [*steps, "swap"]:
            if step == "swap":
                current = draw.choice([version for version in versions.known if version != current])
                versions.point(versions.known[current].at)
                lags.append(seconds_until_all_serve(server, current))
            elif step == "break":
                BROKEN[breaking.pop()](versions, int(current) + 100)
                time.sleep(draw.uniform(0.1, longest))
            else:
                killed_at.append(time.monotonic())
                os.kill(draw.choice(server.all_workers(WORKERS)), signal.SIGKILL)
                seconds_until_all_serve(server, current)
        while sum(client.outcomes.total() for client in clients) < requests:
            time.sleep(0.05)
        for client in clients:
            client.stopped = True
        for client in clients:
            client.join(30)
        failures = {name: value for name, value in server.metrics().items() if "reload_failures_total{" in name}
        assert server.process.poll() is None
    outcomes = sum((client.outcomes for client in clients), Counter())
    lost_at = [moment for client in clients for moment in client.lost_at]
    lags.sort()
    p99 = lags[max(0, len(lags) * 99 // 100 - 1)]
    print(outcomes, f"lags: p50 {lags[len(lags) // 2]:.2f} s, p99 {p99:.2f} s, most {lags[-1]:.2f} s;", failures)  # noqa: T201
    assert outcomes["wrong"] == 0, next(wrong for client in clients for wrong in client.wrong)
    assert outcomes["scored"] > requests / 4
    assert outcomes["refused"] > requests / 4
    assert all(any(0 <= moment - killed < 2 for killed in killed_at) for moment in lost_at)
    assert p99 <= 1
    assert lags[-1] <= 3
    assert sum(failures.values()) >= broken / 2
