"""Streams of Arrow and the real server: its workers, their memory, and a service without pyarrow."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tests.arrow_bodies import ARROW, read, stream, table_of
from tests.facts import FEATURES, ORDERS, ROOT, SCORES
from tests.servers import running

MIB = 2**20
HEADERS = {"Content-Type": ARROW}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def server(log):
    with running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_DECISION_LOG=str(log)) as started:
        yield started


def send(server, content, query="", **headers):
    return server.call("POST", f"/score{query}", content, HEADERS | headers)


def status_of(worker, field):
    found = dict(line.split(":", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines())
    return int(found[field].split()[0])


def orders(count, draw):
    return [{"order_id": f"O-{n:06d}", **{name: draw.uniform(0, 10) for name in FEATURES}} for n in range(count)]


def test_orders_are_scored_and_recorded_and_the_answer_has_the_id_of_the_record(server, log):
    content = stream(table_of(ORDERS))
    for headers in ({}, {"Content-Encoding": "gzip"}):
        status, given, answer = send(server, gzip.compress(content) if headers else content, "?review_top=1", **headers)
        assert (status, given["content-type"]) == (200, ARROW)
        table = read(answer)
        assert table["score"].to_pylist() == SCORES
        records = [json.loads(line) for path in log.iterdir() for line in path.read_text().splitlines()]
        (record,) = (each for each in records if each["decision_id"] == table.schema.metadata[b"decision_id"].decode())
        assert (record["order_ids"], record["scores"]) == (table["order_id"].to_pylist(), SCORES)
        assert record["ranks"] == table["rank"].to_pylist()
        assert json.loads(table.schema.metadata[b"selection"]) == record["selection"]


def test_a_body_that_cannot_be_read_is_a_problem(server):
    content = stream(table_of(ORDERS))
    for body, status in ((content[:-8], 400), (gzip.compress(content), 400), (content + b"\0" * 8, 400)):
        answered, headers, answer = send(server, body)
        assert (answered, headers["content-type"]) == (status, "application/problem+json"), answer
    status, _, answer = send(server, stream(table_of([*ORDERS, {"order_id": "D"}])))
    errors = json.loads(answer)["errors"]
    assert (status, {(each["pointer"], each["code"]) for each in errors}) == (
        422,
        {(f"/3/{name}", "null") for name in FEATURES},
    )


def others(worker):
    """How many threads are there that the service did not start: one that pyarrow starts as it is imported."""
    return sum(task.joinpath("comm").read_text() != "delivery-risk\n" for task in Path(f"/proc/{worker}/task").iterdir())


def test_a_batch_gets_the_bits_of_json_and_costs_a_multiple_of_its_size_and_no_threads():
    draw, grown, resting = random.Random(0), [], []
    with running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_LOG_LEVEL="warning") as server:
        (worker,) = server.all_workers(1)
        for number in range(48):
            given = orders(10_000, draw)
            content = stream(table_of(given))
            Path(f"/proc/{worker}/clear_refs").write_text("5")  # forget the peak
            before = status_of(worker, "VmRSS")
            status, _, answer = send(server, content)
            grown.append((status_of(worker, "VmHWM") - before) * 1024)
            assert status == 200
            if number == 0:
                expected = [row["score"] for row in server.score(given)["results"]]
                assert read(answer)["score"].to_pylist() == expected
            resting.append(status_of(worker, "VmRSS") * 1024)
            assert number < 2 or grown[-1] <= 6 * len(content) + 8 * MIB
        assert resting[-1] - resting[23] <= 6 * MIB  # each thread has had some batches by then; they have 8 MiB after it
        assert others(worker) <= 1
        assert server.workers() == [worker]


WITHOUT = """
import sys
sys.modules["pyarrow"] = None
from tests.apps import app_of
client = app_of().test_client()
answer = client.post("/score", data=b"", content_type="Application/Vnd.Apache.Arrow.Stream; x=y")
print(answer.status_code, answer.json["detail"])
other = client.post("/score", data=b"", content_type="text/plain").json["detail"]
print("arrow" in other, "arrow" in client.get("/openapi.json").text, "arrow" in client.get("/docs").text)
"""
LATE = """
import sys
from tests.apps import app_of
client = app_of().test_client()
print(client.get("/openapi.json").text.count("vnd.apache.arrow.stream"))
print(client.post("/score", json={"orders": []}).status_code, "pyarrow" in sys.modules)
answer = client.post("/score", data=b"x", content_type="application/vnd.apache.arrow.stream")
print(answer.status_code, "pyarrow" in sys.modules)
"""


def printed(program):
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_without_the_extra_the_media_type_is_rejected_by_the_name_of_the_extra_and_not_documented():
    assert printed(WITHOUT) == [
        f"415 {ARROW} needs the extra arrow, which is not installed: pip install 'delivery-risk[arrow]'.",
        "False False False",
    ]


def test_pyarrow_is_not_imported_before_there_is_a_stream():
    assert printed(LATE) == ["2", "422 False", "400 False"]


def test_a_worker_that_has_answered_streams_is_followed_by_one_that_does():
    with running(DELIVERY_RISK_WORKERS="2") as server:
        for _ in range(2):
            for _ in range(8):
                status, _, answer = send(server, stream(pa.concat_tables([table_of(ORDERS)])))
                assert (status, read(answer)["score"].to_pylist()) == (200, SCORES)
            server.kill_worker(2)
            server.renewed(server.killed, 2)
