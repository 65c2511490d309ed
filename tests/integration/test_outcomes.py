"""Every acknowledged outcome is in the log exactly once, although workers are killed right after their answers."""

import json
from collections import Counter
from contextlib import suppress
from http.client import HTTPException

from schemas.outcome import loads
from service.decisions import reading
from tests.servers import running

KILLS, REQUESTS = 5, 60


def test_an_acknowledged_outcome_is_in_the_log_exactly_once_although_workers_are_killed(tmp_path):
    acknowledged = []
    with running(DELIVERY_RISK_WORKERS="2", DELIVERY_RISK_DECISION_LOG=str(tmp_path)) as server:
        server.all_workers(2)
        for number in range(REQUESTS):
            rows = [
                {"order_id": f"{number}-{at}", "late": at == 0, "at": "2026-11-30T05:00:00Z"} for at in range(1 + number % 7)
            ]
            body, headers = json.dumps({"outcomes": rows}).encode(), {"Content-Type": "application/json"}
            with suppress(OSError, HTTPException):
                status, _, answer = server.call("POST", "/outcomes", body, headers)
                assert (status, json.loads(answer)) == (200, {"received": len(rows)})
                acknowledged += [row["order_id"] for row in rows]
            if number % (REQUESTS // KILLS) == 0:
                server.kill_worker(2)
    files = reading.log_files([str(tmp_path)], reading.OUTCOMES)
    kept = Counter(order_id for file in files for line in reading.lines(file) for order_id in loads(line.text).order_ids)
    assert len(acknowledged) > REQUESTS
    assert {order_id: kept[order_id] for order_id in acknowledged} == dict.fromkeys(acknowledged, 1)
