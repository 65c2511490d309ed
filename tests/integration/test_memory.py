"""What a request may cost in memory, whether it is valid or not: six times its body and 8 MiB while it is answered."""

import gzip
import json
import random
import resource
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.control_groups import control_group
from tests.facts import FEATURES
from tests.servers import running

MIB = 2**20
JSON, CSV = "application/json", "text/csv"
HEADER = f"order_id,{','.join(FEATURES)}\n".encode()
ORDER = b'{"order_id":"A","' + b'":1,"'.join(name.encode() for name in FEATURES) + b'":1}'
COLUMNS = b'{"order_ids":["a"],"columns":{"backlog":['
# The beginning of a body, what it repeats, and its end.
SHAPES = {
    "objects": (JSON, b'{"orders":[', b"{},", b"{}]}"),
    "lists": (JSON, b'{"orders":[', b"[],", b"[]]}"),
    "nested lists": (JSON, b"", b"[", b""),
    "small objects": (JSON, b'{"orders":[', b'{"a":1},', b"{}]}"),
    "orders": (JSON, b'{"orders":[', ORDER + b",", b"{}]}"),
    "columns": (JSON, COLUMNS, b"1,", b"1]}}"),
    "decimals": (JSON, COLUMNS, b"0.5,", b"1]}}"),
    "texts": (JSON, COLUMNS, b'"ab",', b"1]}}"),
    "ids": (JSON, b'{"order_ids":[', b'"ab",', b'"a"],"columns":{}}'),
    "names": (JSON, b'{"orders":[{', b'"a":1,', b'"b":1}]}'),
    "one long text": (JSON, b'{"orders":[{"order_id":"', b"a", b'"}]}'),
    "one long number": (JSON, b'{"orders":[{"backlog":', b"7", b"}]}"),
    "escapes": (JSON, b'{"orders":[{"order_id":"', rb"\u0041", b'"}]}'),
    "spaces": (JSON, b'{"orders":[', b" ", b"]}"),
    "open text": (JSON, b'{"orders":["', b"{},", b""),
    "rows of a letter": (CSV, b"order_id\n", b"a\n", b""),
    "rows": (CSV, HEADER, b"a,1,2,3\n", b""),
    "wide header": (CSV, b"", b",", b""),
    "wide rows": (CSV, HEADER, b"ab," * 300 + b"\n", b""),
    "one wide row": (CSV, HEADER, b"ab,", b""),
    "one long cell": (CSV, HEADER, b"a", b""),
    "open quote": (CSV, HEADER + b'"', b"a\n", b""),
    "carriage returns": (CSV, HEADER, b"a,1,2,3\r", b""),
    "blank lines": (CSV, HEADER, b"\n", b""),
}


def status_of(server, field):
    (worker,) = server.all_workers(1)
    found = dict(line.split(":", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines())
    return int(found[field].split()[0]) * 1024


def growth(server, media_type, body, query=""):
    """By how many bytes the worker grows while it answers this body."""
    (worker,) = server.all_workers(1)
    before = status_of(server, "VmRSS")
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # forget the peak
    headers = {"Content-Type": media_type, "Content-Encoding": "gzip"}
    status, _, answer = server.call("POST", f"/score{query}", gzip.compress(body, 1), headers)
    assert status in (200, 400, 413, 422), answer[:200]
    assert len(answer) < 6 * len(body) + 8 * MIB
    return status_of(server, "VmHWM") - before


@pytest.fixture(scope="module")
def server():
    """A worker after its first large batches, in every format, and its resting size."""
    with running(DELIVERY_RISK_WORKERS="1", DELIVERY_RISK_MAX_BODY_BYTES=str(16 * MIB)) as started:
        for faulty in (0.0, 0.001, 1.0):
            for media_type, body in batches(10_000, random.Random(0), faulty):
                growth(started, media_type, body)
                growth(started, media_type, body, "?on_error=partial")
        yield started, status_of(started, "VmRSS")


def batches(count, source, faulty=0.0):
    """The same orders in every format; a share of them has a fault."""
    orders = [
        {"order_id": f"{source.choice(('A', '🚚' * 100))}-{n}", **{name: source.uniform(-9, 9) for name in FEATURES}}
        for n in range(count)
    ]
    for order in orders:
        if source.random() < faulty:
            order[source.choice(FEATURES)] = source.choice([None, "x" * source.randrange(100), [], {}, 1e400])
    columns = {name: [order[name] for order in orders] for name in FEATURES}
    rows = "".join(",".join(map(str, order.values())) + "\n" for order in orders)
    yield JSON, json.dumps({"orders": orders}, ensure_ascii=False).encode()
    yield JSON, json.dumps({"order_ids": [order["order_id"] for order in orders], "columns": columns}).encode()
    yield CSV, HEADER + rows.encode()


@pytest.mark.parametrize("name", SHAPES)
def test_a_body_of_one_thing_repeated_costs_a_multiple_of_its_size(server, name):
    started, resting = server
    media_type, begin, unit, end = SHAPES[name]
    for size in (MIB, 7 * MIB):
        body = begin + unit * ((size - len(begin) - len(end)) // len(unit)) + end
        assert growth(started, media_type, body) <= 6 * len(body) + 8 * MIB
        assert status_of(started, "VmRSS") - resting <= 8 * MIB


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("faulty", [0.0, 0.001, 1.0])
def test_a_batch_costs_a_multiple_of_its_size_with_and_without_faults(server, seed, faulty):
    started, resting = server
    source = random.Random(seed)
    for media_type, body in batches(source.choice([1, 100, 10_000]), source, faulty):
        for query in ("", "?on_error=partial", "?on_error=partial&review_top=5000"):
            assert growth(started, media_type, body, query) <= 6 * len(body) + 8 * MIB
            assert status_of(started, "VmRSS") - resting <= 8 * MIB


@contextmanager
def limited(server, size):
    """Limit the memory of a service: by a control group where one can be made, else the address space of its processes."""
    processes = [server.process.pid, *server.all_workers(2)]
    with control_group("memory", f"delivery-risk-{server.port}", processes) as limit:
        if limit is not None:
            limit.write_text(str(size))
        for process in processes if limit is None else ():
            most = int(Path(f"/proc/{process}/statm").read_text().split()[0]) * resource.getpagesize() + size
            resource.prlimit(process, resource.RLIMIT_AS, (most, most))
        yield


def test_four_clients_with_garbage_cost_no_worker_and_no_polite_answer_in_the_memory_of_a_container():
    polite = {"orders": [{"order_id": f"A-{n}", **dict.fromkeys(FEATURES, n % 10)} for n in range(1000)]}
    statuses: Counter[int] = Counter()
    # One worker may get all five clients, and a client its answer, for the next request, before the permit is free again.
    permits = {"DELIVERY_RISK_WORKERS": "2", "DELIVERY_RISK_THREADS": "16", "DELIVERY_RISK_MAX_CONCURRENT": "10"}
    with running(**permits) as server, limited(server, 512 * MIB), ThreadPoolExecutor(4) as threads:
        workers, expected = server.workers(), server.score(polite["orders"])

        def attack(shape):
            media_type, begin, unit, end = shape
            body = begin + unit * ((7 * MIB - len(begin) - len(end)) // len(unit)) + end
            headers = {"Content-Type": media_type, "Content-Encoding": "gzip"}
            return server.call("POST", "/score", gzip.compress(body, 1), headers)[0]

        attacks = threads.map(attack, 2 * list(SHAPES.values()))
        for _ in range(60):
            status, _, answer = server.call("POST", "/score", json.dumps(polite).encode(), {"Content-Type": JSON})
            statuses[status] += 1
            assert (status, json.loads(answer) == expected) == (200, True), answer[:500]
        assert set(attacks) <= {400, 413, 422}
        assert statuses == {200: 60}
        assert server.workers() == workers
