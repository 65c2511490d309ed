"""Clients may send any number of different texts as context: metrics, log and memory do not grow by them."""

import csv
import io
import json
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Context
from tests.raw_orders import ORDERS, raw_model
from tests.servers import running

MIB = 2**20
LISTED = "north"


def orders(batch, size):
    """So many orders, each in a lane of its own but for the first, whose lane the model lists."""
    lanes = [LISTED, *(f"lane {batch} {number}" for number in range(1, size))]
    return [ORDERS[0] | {"order_id": f"{number}", "lane": lane} for number, lane in enumerate(lanes)]


def records(rows):
    return json.dumps({"orders": rows}), "application/json", lambda answer: len(json.loads(answer)["results"])


def table(rows):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0]])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue(), "text/csv", lambda answer: answer.count(b"\n") - 1


@pytest.mark.parametrize(
    ("batches", "size"), [(20, 1_000), pytest.param(100, 10_000, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_texts_that_the_model_does_not_list_make_no_series_and_take_no_memory(tmp_path, batches, size):
    model_file.write(raw_model(context=(Context("lane", (LISTED, "south")),)), tmp_path / "raw.npz")
    sizes = []
    with running(DELIVERY_RISK_MODEL=str(tmp_path / "raw.npz"), DELIVERY_RISK_WORKERS="1") as server:
        (worker,) = server.all_workers(1)

        def send(batch):
            body, media_type, count = (records, table)[batch % 2](orders(batch, size))
            query = "?review_top=1&by=lane" if batch % 4 < 2 else ""
            status, _, answer = server.call("POST", f"/score{query}", body.encode(), {"Content-Type": media_type})
            assert (status, count(answer)) == (200, size)
            sizes.append(int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * 4096)

        send(0)
        server.metrics()
        before = server.metrics()
        for batch in range(1, batches):
            send(batch)
        after = server.metrics()
        logged = server.lines('"/score"', batches)
    assert before.keys() == after.keys()
    counted = dict.fromkeys((LISTED, "south", "other"), 0.0)
    for name, count in after.items():
        if name.startswith("delivery_risk_orders_by_context_total"):
            counted[name.split('value="')[1].rstrip('"}')] += count
    assert counted == {LISTED: batches, "south": 0, "other": batches * (size - 1)}
    assert [line["context"] for line in logged] == batches * [{"lane": {LISTED: 1, "other": size - 1}}]
    assert max(sizes[batches // 2 :]) - max(sizes[: batches // 2]) < 8 * MIB  # half a million texts take 30 MiB at least
