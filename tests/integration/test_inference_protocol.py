"""The Open Inference Protocol of a real server: the same bits as in any other format, and the calls of perf_analyzer."""

import csv
import gzip
import io
import json
import random
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest

from schemas.formats.table import CSV, JSON
from tests.arrow_bodies import ARROW, as_arrow, read
from tests.facts import FEATURES, ROOT
from tests.mutated_bodies import as_columns, as_csv
from tests.servers import GUNICORN, running
from tests.tensor_bodies import HEADER, Tensor, answered, request
from tests.tensor_oracle import MATRIX, score

MODEL = "/v2/models/delivery-risk"
INFLATE: dict[str | None, Callable[[bytes], bytes]] = {None: bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}


@pytest.fixture(scope="module")
def server():
    with running(GUNICORN, DELIVERY_RISK_WORKERS="2") as started:
        yield started


def run_cli(*words, code=0):
    command = [sys.executable, "-m", "service.cli", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def get(server, path):
    status, headers, body = server.call("GET", path)
    assert (status, headers["content-type"]) == (200, JSON), (path, status, body)
    return json.loads(body)


def infer(server, body, headers, path=f"{MODEL}/infer"):
    """The JSON of an answer and the elements of its outputs."""
    status, found, answer = server.call("POST", path, body, headers)
    assert status == 200, answer[:500]
    return answered(found, answer)


def test_an_order_has_the_same_bits_in_every_format_and_protocol(server):
    draw = random.Random("bits")
    rows = [[draw.uniform(0, 10) for _ in FEATURES] for _ in range(500)]
    orders = [{"order_id": f"O-{n}", **dict(zip(FEATURES, row, strict=True))} for n, row in enumerate(rows)]
    flat = [value for row in rows for value in row]

    def call(path, body, media_type):
        status, _, answer = server.call("POST", path, body, {"Content-Type": media_type})
        assert status == 200, answer[:500]
        return answer

    def tensors(binary):
        return infer(server, *request([Tensor(MATRIX, "FP64", (len(rows), len(FEATURES)), flat, binary)]))[1]["score"]

    predictions = json.loads(call("/v1/models/delivery-risk:predict", json.dumps({"instances": rows}).encode(), JSON))
    found = {
        "records": [each["score"] for each in server.score(orders)["results"]],
        "columns": json.loads(call("/score", as_columns(orders), JSON))["scores"],
        "csv": [float(each["score"]) for each in csv.DictReader(io.StringIO(call("/score", as_csv(orders), CSV).decode()))],
        "arrow": read(call("/score", as_arrow(orders), ARROW)).column("score").to_pylist(),
        "v1": predictions["predictions"],
        "v2 JSON": tensors(False),
        "v2 binary": tensors(True),
    }
    expected = [score(row) for row in rows]
    assert {name: scores == expected for name, scores in found.items()} == dict.fromkeys(found, True)


def test_decisions_of_every_protocol_are_replayed_and_those_without_ids_are_found_by_none(tmp_path):
    rows = [[float(n % 11), 3.0, 1.0] for n in range(150)]
    flat = [value for row in rows for value in row]
    with running(DELIVERY_RISK_DECISION_LOG=str(tmp_path)) as logged:
        for binary in (True, False):
            tensors = [Tensor(MATRIX, "FP64", (len(rows), len(FEATURES)), flat, binary)]
            infer(logged, *request(tensors, {"score": binary, "contribution": binary}))
            infer(logged, *request([*tensors, Tensor("order_id", "BYTES", (150,), [f"A-{n}" for n in range(150)], binary)]))
        instances = json.dumps({"instances": rows}).encode()
        assert logged.call("POST", "/v1/models/delivery-risk:explain", instances, {"Content-Type": JSON})[0] == 200
    found = run_cli("replay", tmp_path, "--models", ROOT / "model")
    assert "5 records of 750 orders replayed" in found
    assert "0 records differ" in found
    assert run_cli("decisions", "find", tmp_path, "--order", "A-7").count("decision ") == 2
    assert "decision " not in run_cli("decisions", "find", tmp_path, "--order", "7", code=1)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_request_has_the_length_of_its_json_before_compression(server, binary, encoding, compress):
    body, headers = request([Tensor(MATRIX, "FP64", (1, 3), (2.0, 3.0, 1.0), binary)], {"score": binary})
    for name in ("", "identity", "gzip", "deflate", "br", "gzip, deflate, br"):
        asked = headers | {"Content-Encoding": encoding, "Accept-Encoding": name}
        status, found, answer = server.call("POST", f"{MODEL}/infer", compress(body), asked)
        assert status == 200, answer
        used = found.get("content-encoding")
        assert used in (None, "gzip", "deflate")
        assert used is None or used in name, "not asked for"
        assert answered(found, INFLATE[used](answer))[1] == {"score": [0.425557483188341]}


def test_only_an_answer_of_infer_is_ever_compressed(server):
    """Triton's clients ask for compression with every call and inflate no other answer."""
    accepted = {"Accept-Encoding": "gzip, deflate, br"}
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", MODEL, f"{MODEL}/ready", f"{MODEL}/config", f"{MODEL}/stats"):
        status, headers, _ = server.call("GET", path, headers=accepted)
        assert (status, headers.get("content-encoding")) == (200, None), path
    status, headers, answer = server.call("POST", f"{MODEL}/infer", b"{", accepted)
    assert (status, headers.get("content-encoding"), headers["content-type"]) == (400, None, JSON)
    assert json.loads(answer)["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", f"{MODEL}/versions/7", 404),
        ("GET", f"{MODEL}/infer", 405),
        ("POST", "/v2/models/other/infer", 404),
        ("GET", "/v1/models/other", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_a_path_that_is_not_there_is_rejected_as_the_clients_can_read(server, method, path, status):
    found, headers, answer = server.call(method, path, b"{}" if method == "POST" else None)
    assert (found, headers["content-type"]) == (status, JSON)
    assert isinstance(json.loads(answer)["error"], str)


def test_names_and_paths_that_clients_quote_or_end_in_a_slash_are_found(server):
    assert get(server, "/v2") == get(server, "/v2/")
    assert get(server, "/v2/models/%64elivery-risk") == get(server, MODEL)
    assert get(server, f"{MODEL}/versions/1.0.0") == get(server, MODEL)


def test_a_body_without_a_content_type_is_read(server):
    body, headers = request([Tensor(MATRIX, "FP64", (1, 3), (2.0, 3.0, 1.0), True)])
    del headers["Content-Type"]
    assert infer(server, body, headers)[1]["score"] == [0.425557483188341]


def test_the_calls_of_perf_analyzer_are_answered(server):
    """What `perf_analyzer -m delivery-risk -i http` sends, from its client_backend/triton and Triton's http_client.cc.

    It reads the extensions, the metadata and the configuration, then infers with random data between two looks at the
    statistics. It sends all inputs of the metadata that the configuration does not call optional, and an empty id.
    """
    assert {"model_configuration", "statistics", "binary_tensor_data"} <= {*get(server, "/v2")["extensions"]}
    metadata, configuration = get(server, MODEL), get(server, f"{MODEL}/config")
    for path in (f"{MODEL}/versions/1.0.0", f"{MODEL}/versions/1.0.0/config"):
        assert get(server, path) == (configuration if path.endswith("config") else metadata)
    names = {each["name"] for each in metadata["inputs"]}
    optional = {each["name"] for each in configuration["input"] if each.get("optional") is True}
    assert {each["name"] for each in configuration["input"]} <= names
    assert {each["name"] for each in configuration["output"]} <= {each["name"] for each in metadata["outputs"]}
    assert type(configuration["max_batch_size"]) is int
    assert not {"sequence_batching", "ensemble_scheduling"} & configuration.keys()
    batched = configuration["max_batch_size"] > 0
    draw = random.Random("perf_analyzer")

    def tensor(given):
        shape = [8, *given["shape"][1:]] if batched else [8 if size == -1 else size for size in given["shape"]]
        assert all(size > 0 for size in shape), "--shape is needed"
        count = shape[0] * (shape[1] if len(shape) == 2 else 1)
        data = [f"{draw.getrandbits(64)}" for _ in range(count)] if given["datatype"] == "BYTES" else None
        return Tensor(given["name"], given["datatype"], shape, data or [draw.random() for _ in range(count)], binary=True)

    def statistics():
        (found,) = get(server, f"{MODEL}/versions/1.0.0/stats")["model_stats"]
        assert (found["name"], found["version"]) == ("delivery-risk", "1.0.0")
        for each in ("success", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"):
            assert {type(value) for value in found["inference_stats"][each].values()} == {int}
            assert found["inference_stats"][each].keys() == {"count", "ns"}
        return found

    sent = [tensor(each) for each in metadata["inputs"] if each["name"] not in optional]
    before = statistics()
    for outputs in ({each["name"]: True for each in metadata["outputs"]}, None):
        body, headers = request(
            sent, outputs, id="", **({"parameters": {"binary_data_output": True}} if outputs is None else {})
        )
        document, data = infer(server, body, headers)
        assert document["id"] == "" or isinstance(document["id"], str)
        assert len(data["score"]) == 8
    after = statistics()
    assert after["inference_count"] - before["inference_count"] == 16
    assert after["execution_count"] - before["execution_count"] == 2
    assert after["inference_stats"]["success"]["count"] - before["inference_stats"]["success"]["count"] == 2
    assert after["inference_stats"]["success"]["ns"] > before["inference_stats"]["success"]["ns"]
    assert get(server, "/v2/models/stats")["model_stats"][0]["name"] == "delivery-risk"


def test_the_shared_memory_of_triton_is_rejected_with_a_message(server):
    for path in ("/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status", "/v2/trace/setting", "/v2/logging"):
        status, headers, answer = server.call("GET", path)
        assert (status in (404, 501), headers["content-type"]) == (True, JSON)
        assert json.loads(answer)["error"]


def test_scores_of_the_protocol_count_as_those_of_score(server):
    name = 'delivery_risk_score_count{model_version="1.0.0"}'
    before = server.metrics().get(name, 0)
    infer(server, *request([Tensor(MATRIX, "FP64", (5, 3), [1.0] * 15, True)]))
    assert server.metrics()[name] - before == 5


def test_a_tail_that_the_lengths_do_not_explain_is_rejected(server):
    body, headers = request([Tensor(MATRIX, "FP64", (1, 3), (2.0, 3.0, 1.0), True)])
    size = int(headers[HEADER])
    wrong = {
        "longer": (body + b"\0", size),
        "shorter": (body[:-1], size),
        "a JSON that is too long": (body, size + 8),
        "a JSON that is too short": (body, size - 1),
        "over the end": (body, len(body) + 1),
        "negative": (body, -1),
        "no number": (body, "ten"),
        "no tail": (body[:size], size),
    }
    for name, (changed, length) in wrong.items():
        status, _, answer = server.call("POST", f"{MODEL}/infer", changed, headers | {HEADER: str(length)})
        assert (status, type(json.loads(answer)["error"])) == (400, str), name
