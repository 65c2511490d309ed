"""Every answered decision of real orders is in the log exactly once, although workers are killed, and replays bit by bit."""

import csv
import gzip
import json
import random
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from itertools import islice
from types import SimpleNamespace

import pytest

from schemas.decision_record import loads, unpack
from service.decisions import reading
from tests.integration.test_real_orders import COMMAND, import_model
from tests.servers import running, until

NAMES = ("route_disruption", "backlog", "weather_severity")
SIZES = (1, 1, 1, 20, 99, 100, 101, 700, 2500)
CLIENTS, WORKERS = 3, 2


def batches(path, orders):
    """The first orders of the year, in batches of different sizes, as columns."""
    draw = random.Random(17)
    with gzip.open(path, "rt", newline="") as file:
        rows = islice(csv.DictReader(file), orders)
        while block := [*islice(rows, draw.choice(SIZES))]:
            columns = {name: [float(row[name]) for row in block] for name in NAMES}
            yield {"order_ids": [row["order_id"] for row in block], "columns": columns}


def answer(server, batch):
    """The answer to a batch, which is sent again where a killed worker loses it."""
    while True:
        with suppress(OSError, HTTPException):
            status, _, body = server.call("POST", "/score", json.dumps(batch).encode(), {"Content-Type": "application/json"})
            if status == 200:
                return json.loads(body)
        time.sleep(0.02)


@pytest.fixture(
    scope="module",
    params=[(6000, 5), pytest.param((303_748, 100), marks=pytest.mark.long)],
    ids=["a week", "the year"],
)
def logged(real_data, request, tmp_path_factory):
    """The answers to real orders of a service whose workers were killed, and its log."""
    orders, kills = request.param
    folder = tmp_path_factory.mktemp("decisions")
    found = SimpleNamespace(orders=orders, models=folder / "models", log=folder / "log")
    found.models.mkdir()
    found.log.mkdir()
    model = import_model(real_data / "nyc17_3feature", found.models / "1.npz")
    path = real_data / "batches" / "nyc17_3feature_all_303748.csv.gz"
    given = {"DELIVERY_RISK_MODEL": str(model), "DELIVERY_RISK_DECISION_LOG": str(found.log)}
    with running(DELIVERY_RISK_WORKERS=str(WORKERS), **given) as server, ThreadPoolExecutor(CLIENTS) as clients:
        server.all_workers(WORKERS)
        done = threading.Semaphore(0)

        def answered(batch):
            try:
                return answer(server, batch)
            finally:
                done.release()

        waiting = [clients.submit(answered, batch) for batch in batches(path, orders)]
        for _ in range(kills):
            for _ in range(len(waiting) // (kills + 1)):
                done.acquire()
            server.kill_worker(WORKERS)
        found.answers = [each.result() for each in waiting]
        found.kills = len(server.killed)
        assert found.kills == kills
        server.process.terminate()
        assert until(lambda: server.process.poll() is not None, 30)
    return found


def records(log):
    """The records of a log, and its torn lines."""
    lines = [line for file in reading.log_files([str(log)], reading.DECISIONS) for line in reading.lines(file)]
    return [loads(line.text) for line in lines if not line.torn], [line for line in lines if line.torn]


def test_every_answered_decision_is_in_the_log_exactly_once_and_complete(logged):
    found, torn = records(logged.log)
    by_id = {record.decision_id: record for record in found}
    assert len(by_id) == len(found)
    assert len(torn) <= logged.kills
    answered = Counter(each["decision_id"] for each in logged.answers)
    assert set(answered.values()) == {1}
    assert sum(len(each["order_ids"]) for each in logged.answers) == logged.orders
    for each in logged.answers:
        record = by_id[each["decision_id"]]
        assert [*record.order_ids] == each["order_ids"]
        assert unpack(record.scores, len(record)).tolist() == each["scores"]
        assert [*record.queues] == each["queues"]


def test_the_log_replays_without_a_different_bit(logged):
    done = subprocess.run(
        [COMMAND, "replay", logged.log, "--models", logged.models], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
