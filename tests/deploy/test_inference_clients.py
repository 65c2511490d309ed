"""The real clients of the Open Inference Protocol against gunicorn: each way to send and to ask, and each error they show."""

import random
import re
import subprocess
from functools import cache
from itertools import product

import pytest

from model.artifact import model_file
from tests.deploy.inference_clients import CLIENTS, KNOWN, assert_readable, call, python, tensor
from tests.facts import FEATURES, ORDERS, ROOT, SCORES
from tests.pages import blocks
from tests.raw_orders import raw_model
from tests.servers import GUNICORN, running, until
from tests.tensor_oracle import MATRIX, review, score

pytestmark = pytest.mark.deploy

PAGE = ROOT / "docs" / "inference-protocol.md"
DATATYPES = ("FP32", "FP64", "INT64")
SIZES = (1, 0, 1000)
INPUTS = {
    "binary matrix": (MATRIX, (True,)),
    "JSON matrix": (MATRIX, (False,)),
    "binary columns": (FEATURES, (True, True, True)),
    "JSON columns": (FEATURES, (False, False, False)),
    "mixed columns": (FEATURES, (True, False, True)),
}
OUTPUTS = {"binary": (True, True), "JSON": (False, False), "mixed": (True, False)}
COMPRESSIONS = (None, "gzip", "deflate")


@cache
def orders(datatype, size):
    """Orders whose numbers this datatype has exactly."""
    draw = random.Random(f"{datatype} {size}")
    number = {
        "FP32": lambda: draw.randrange(10 * 2**10) / 2**10,
        "FP64": lambda: draw.uniform(0, 10),
        "INT64": lambda: draw.randrange(11),
    }[datatype]
    return [[number() for _ in FEATURES] for _ in range(size)]


@cache
def expected(datatype, size):
    """The scores and the reviews of these orders."""
    rows = orders(datatype, size)
    return [score(row) for row in rows], [review(row) for row in rows]


def inputs(datatype, size, mode):
    names, binary = INPUTS[mode]
    rows = orders(datatype, size)
    if names == MATRIX:
        return [tensor(MATRIX, datatype, [size, len(FEATURES)], [value for row in rows for value in row], binary[0])]
    columns = zip(*rows, strict=True) if rows else [()] * len(FEATURES)
    found = [tensor(*each) for each in zip(names, [datatype] * 3, [[size]] * 3, map(list, columns), binary, strict=True)]
    ids = [f"O-{number}" for number in range(size)]
    return [tensor("order_id", "BYTES", [size], ids, not binary[0]), *found]


@pytest.fixture(scope="module")
def server():
    with running(GUNICORN, DELIVERY_RISK_WORKERS="2") as started:
        yield started


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_the_exact_scores_in_every_way_to_send_and_to_ask(server, client, clients):
    ways = list(product(INPUTS, OUTPUTS, COMPRESSIONS, DATATYPES, SIZES))
    calls = [
        {
            "call": client,
            "inputs": inputs(datatype, size, mode),
            "outputs": list(zip(("score", "review"), OUTPUTS[output], strict=True)),
            "compression": compression,
            "id": "asked-7",
        }
        for mode, output, compression, datatype, size in ways
    ]
    for way, found in zip(ways, clients.outcomes(server, calls), strict=True):
        *_, datatype, size = way
        assert found.get("error") is None, (way, found)
        assert (found["model"], found["id"]) == ("delivery-risk", "asked-7")
        shown = found["outputs"]
        assert [each["datatype"] for each in shown.values()] == ["FP64", "BOOL"]
        assert [each["shape"] for each in shown.values()] == [[size, 1], [size, 1]]
        assert (shown["score"]["data"], shown["review"]["data"]) == expected(datatype, size), way


def test_without_outputs_a_client_gets_score_and_review(server, clients):
    for found in clients.outcomes(server, [call(client, KNOWN) for client in CLIENTS]):
        assert {name: each["data"] for name, each in found["outputs"].items()} == {
            "score": SCORES,
            "review": [False, True, True],
        }


def test_a_client_gets_each_output_that_it_asks_for_in_both_encodings(server, clients):
    names = ("contribution", "rank", "logit", "review", "score")
    calls = [call(client, KNOWN, outputs=[(name, binary) for name in names]) for client in CLIENTS for binary in (True, False)]
    found = clients.outcomes(server, calls)
    assert all([*each["outputs"]] == [*names] for each in found), found
    assert all(each["outputs"] == found[0]["outputs"] for each in found)
    assert found[0]["outputs"]["rank"]["data"] == [3, 1, 2]


def test_a_version_in_the_path_is_scored(server, clients):
    found = clients.outcomes(server, [call(client, KNOWN, version="1.0.0") for client in CLIENTS[:2]])
    assert [each["outputs"]["score"]["data"] for each in found] == [SCORES] * 2
    assert [each["version"] for each in found] == ["1.0.0"] * 2


def test_halves_are_sent_in_binary(server, clients):
    half = tensor(MATRIX, "FP16", [1, 3], [2.0, 3.0, 1.0], True)
    found = clients.outcomes(server, [call(client, half) for client in CLIENTS])
    assert [each["outputs"]["score"]["data"] for each in found] == [SCORES[:1]] * 3


def test_a_service_that_drains_is_not_ready_but_answers(tmp_path, clients):
    settings = {"DELIVERY_RISK_DRAIN_FILE": str(tmp_path / "drain"), "DELIVERY_RISK_WORKERS": "1"}
    with running(GUNICORN, **settings) as server:
        probes = [
            {"call": "sync_call", "method": "is_server_ready", "arguments": []},
            {"call": "aio_call", "method": "is_model_ready", "arguments": ["delivery-risk"]},
            {"call": "kserve_call", "method": "is_model_ready", "arguments": ["delivery-risk"]},
            {"call": "v1_call", "method": "is_model_ready", "arguments": ["delivery-risk"]},
        ]
        assert clients.outcomes(server, probes) == [True] * 4
        (tmp_path / "drain").touch()
        assert until(lambda: clients.outcomes(server, probes) == [False] * 4, 5)
        (refused,) = clients.outcomes(server, [{"call": "kserve_call", "method": "is_server_ready", "arguments": []}])
        assert_readable(refused, "503", "")
        assert all("error" not in found for found in clients.outcomes(server, [call(client, KNOWN) for client in CLIENTS]))


def test_metadata_statistics_and_the_repository_are_readable_by_the_clients(server, clients):
    methods = {
        "get_server_metadata": [],
        "get_model_metadata": ["delivery-risk"],
        "get_model_config": ["delivery-risk"],
        "get_inference_statistics": ["delivery-risk"],
        "get_model_repository_index": [],
    }
    calls = [
        {"call": client, "method": method, "arguments": given}
        for client in ("sync_call", "aio_call")
        for method, given in methods.items()
    ]
    found = clients.outcomes(server, calls)
    assert found[:5][:3] == found[5:][:3]
    about, model, configuration, statistics, index = found[:5]
    assert about["name"]
    assert model["name"] == configuration["name"] == index[0]["name"] == statistics["model_stats"][0]["name"] == "delivery-risk"
    assert "1.0.0" in model["versions"]
    assert {each["name"] for each in model["outputs"]} >= {"score", "review"}


def test_the_clients_find_the_service_and_the_model_ready_or_not(server, clients):
    ready = [
        ("sync_call", "is_server_live", []),
        ("sync_call", "is_server_ready", []),
        ("sync_call", "is_model_ready", ["delivery-risk"]),
    ]
    ready += [("aio_call", "is_server_live", []), ("aio_call", "is_model_ready", ["delivery-risk", "1.0.0"])]
    ready += [(client, "is_model_ready", ["delivery-risk"]) for client in ("kserve_call", "v1_call")]
    ready += [(client, "is_server_live", []) for client in ("kserve_call", "v1_call")]
    calls = [{"call": client, "method": method, "arguments": given} for client, method, given in ready]
    assert clients.outcomes(server, calls) == [True] * len(calls)
    unknown = [
        {"call": client, "method": "is_model_ready", "arguments": ["other"]}
        for client in ("sync_call", "aio_call", "kserve_call")
    ]
    assert clients.outcomes(server, unknown) == [False] * 3


@pytest.mark.parametrize("library", ["tritonclient", "kserve"])
def test_the_python_of_the_page_prints_the_scores_of_its_orders(server, library):
    (script,) = (each for each in blocks("python", PAGE.read_text()) if f"{library}" in each)
    script = script.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    done = subprocess.run([python(), "-c", script], capture_output=True, text=True, timeout=60, check=False)
    printed = [float(each) for each in re.findall(r"0\.\d+", done.stdout)]
    assert printed == pytest.approx(SCORES[:2], abs=1e-8), done.stderr


CARRIERS = ("AA", "ü", "B:6")


@pytest.fixture(scope="module")
def raw_server(tmp_path_factory):
    """A service whose model takes categories, some of them optional."""
    file = tmp_path_factory.mktemp("raw") / "raw.npz"
    file.write_bytes(model_file.dumps(raw_model()))
    with running(GUNICORN, DELIVERY_RISK_MODEL=str(file)) as started:
        yield started


def raw(client, carriers, binary, **changed):
    size = len(carriers)
    given = {
        "backlog": tensor("backlog", "FP64", [size], [3.0, float("nan"), 61.5][:size], True),
        "distance": tensor("distance", "FP32", [size, 1], [12.5, 0.0, 3.0][:size], binary),
        "carrier": tensor("carrier", "BYTES", [size], [*carriers], binary),
        "depot": tensor("depot", "BYTES", [size], ["EWR", "", "a:b"][:size], binary),
        "size": tensor("size", "BYTES", [size], ["L", "", "S"][:size], binary),
        "month": tensor("month", "INT64", [size], [7, 12, 1][:size], binary),
    } | changed
    return call(client, *(each for each in given.values() if each), model="raw")


def test_categories_are_texts_and_what_is_missing_is_an_empty_text_or_no_number(raw_server, clients):
    orders = [
        {"order_id": "A", "backlog": 3, "distance": 12.5, "carrier": "AA", "depot": "EWR", "size": "L", "month": 7},
        {"order_id": "B", "distance": 0, "carrier": "ü", "month": 12},
        {"order_id": "C", "backlog": 61.5, "distance": 3, "carrier": "B:6", "depot": "a:b", "size": "S", "month": 1},
    ]
    expected = [each["score"] for each in raw_server.score(orders)["results"]]
    calls = [raw(client, CARRIERS, binary) for client in CLIENTS for binary in (True, False)]
    for found in clients.outcomes(raw_server, calls):
        assert found["outputs"]["score"]["data"] == expected, found


RAW_ERRORS = {
    "an unknown category": (["AA", "Marked"], {}, "carrier"),
    "a missing category": (["AA", ""], {}, "carrier"),
    "a number for a category": (["AA"], {"carrier": tensor("carrier", "FP64", [1], [1.0], True)}, "carrier"),
    "a tensor less": (["AA"], {"month": None}, "month"),
    "a matrix": (["AA"], {"orders": tensor("orders", "FP64", [1, 6], [1.0] * 6, True)}, "orders"),
}


@pytest.mark.parametrize("error", RAW_ERRORS)
def test_an_error_in_raw_orders_names_the_tensor_and_repeats_no_value(raw_server, clients, error):
    carriers, changed, text = RAW_ERRORS[error]
    for found in clients.outcomes(raw_server, [raw(client, carriers, True, **changed) for client in CLIENTS]):
        assert_readable(found, "400", text)
        assert "Marked" not in found["error"]


def test_the_older_protocol_scores_and_explains(server, clients):
    rows = [[order[name] for name in FEATURES] for order in ORDERS]
    named = [{name: order[name] for name in FEATURES} for order in ORDERS]
    calls = [{"call": "v1_infer", "body": {"instances": each}} for each in (rows, named, [])]
    matrix, records, empty = clients.outcomes(server, calls)
    assert matrix == records
    assert [each["score"] if isinstance(each, dict) else each for each in matrix["predictions"]] == SCORES
    assert empty["predictions"] == []
    (explained,) = clients.outcomes(server, [{"call": "v1_explain", "body": {"instances": rows}}])
    assert "error" not in explained
