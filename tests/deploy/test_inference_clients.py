"""The real clients of the Open Inference Protocol against gunicorn: each way to send and to ask, and each error they show."""

import json
import random
from functools import cache
from itertools import product
from typing import Any

import pytest

from tests.bearer_tokens import GOOD, line
from tests.deploy.programs import with_clients
from tests.facts import FEATURES, ORDERS, SCORES
from tests.servers import GUNICORN, running
from tests.tensor_oracle import MATRIX, review, score

pytestmark = pytest.mark.deploy

CLIENTS = ("sync_infer", "aio_infer", "kserve_infer")
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


def tensor(name, datatype, shape, data, binary):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, "binary": binary}


def inputs(datatype, size, mode):
    names, binary = INPUTS[mode]
    rows = orders(datatype, size)
    if names == MATRIX:
        return [tensor(MATRIX, datatype, [size, len(FEATURES)], [value for row in rows for value in row], binary[0])]
    columns = zip(*rows, strict=True) if rows else [()] * len(FEATURES)
    found = [tensor(*each) for each in zip(names, [datatype] * 3, [[size]] * 3, map(list, columns), binary, strict=True)]
    ids = [f"O-{number}" for number in range(size)]
    return [tensor("order_id", "BYTES", [size], ids, not binary[0]), *found]


def outcomes(server, calls, token=None):
    given = json.dumps({"port": server.port, "token": token, "calls": calls})
    return with_clients("inference_calls.py", given)


@pytest.fixture(scope="module")
def server():
    with running(GUNICORN, DELIVERY_RISK_WORKERS="2") as started:
        yield started


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_the_exact_scores_in_every_way_to_send_and_to_ask(server, client):
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
    for way, found in zip(ways, outcomes(server, calls), strict=True):
        *_, datatype, size = way
        rows = orders(datatype, size)
        assert found.get("error") is None, (way, found)
        assert (found["model"], found["id"]) == ("delivery-risk", "asked-7")
        shown = found["outputs"]
        assert [each["datatype"] for each in shown.values()] == ["FP64", "BOOL"]
        assert [each["shape"] for each in shown.values()] == [[size, 1], [size, 1]]
        assert shown["score"]["data"] == [score(row) for row in rows], way
        assert shown["review"]["data"] == [review(row) for row in rows], way


MATRIX_OF_ORDERS = tensor(MATRIX, "FP64", [3, 3], [float(order[name]) for order in ORDERS for name in FEATURES], True)


def call(client, *given, outputs=(), **more):
    return {"call": client, "inputs": list(given) or [MATRIX_OF_ORDERS], "outputs": list(outputs), **more}


def test_without_outputs_a_client_gets_score_and_review(server):
    for found in outcomes(server, [call(client) for client in CLIENTS]):
        assert {name: each["data"] for name, each in found["outputs"].items()} == {
            "score": SCORES,
            "review": [False, True, True],
        }


def test_a_client_gets_each_output_that_it_asks_for_in_both_encodings(server):
    names = ("contribution", "rank", "logit", "review", "score")
    calls = [call(client, outputs=[(name, binary) for name in names]) for client in CLIENTS for binary in (True, False)]
    found = outcomes(server, calls)
    assert all([*each["outputs"]] == [*names] for each in found), found
    assert all(each["outputs"] == found[0]["outputs"] for each in found)
    assert found[0]["outputs"]["rank"]["data"] == [3, 1, 2]


def test_a_version_in_the_path_is_scored(server):
    found = outcomes(server, [call(client, version="1.0.0") for client in CLIENTS[:2]])
    assert [each["outputs"]["score"]["data"] for each in found] == [SCORES] * 2
    assert [each["version"] for each in found] == ["1.0.0"] * 2


def test_halves_are_sent_in_binary(server):
    half = tensor(MATRIX, "FP16", [1, 3], [2.0, 3.0, 1.0], True)
    found = outcomes(server, [call(client, half) for client in CLIENTS])
    assert [each["outputs"]["score"]["data"] for each in found] == [SCORES[:1]] * 3


def fp64(name, *data, shape=None, binary=True):
    return tensor(name, "FP64", shape or [len(data)], list(data), binary)


def columns(**changed):
    given = {name: fp64(name, 1.0, 2.0) for name in FEATURES} | changed
    return [each for each in given.values() if each is not None]


MANY = 10_001
ERRORS: dict[str, tuple[list[dict], dict[str, Any], str, str]] = {
    "unknown model": ([MATRIX_OF_ORDERS], {"model": "other"}, "404", "model"),
    "unknown version": ([MATRIX_OF_ORDERS], {"version": "7"}, "404", "version"),
    "unknown input": ([*columns(), fp64("colour", 1.0, 2.0)], {}, "", "colour"),
    "missing input": (columns(backlog=None), {}, "", "backlog"),
    "repeated input": ([*columns(), fp64("backlog", 1.0, 2.0)], {}, "", "backlog"),
    "too few columns": ([fp64(MATRIX, 1.0, 2.0, shape=[1, 2])], {}, "", MATRIX),
    "three dimensions": ([fp64(MATRIX, 1.0, 2.0, 3.0, shape=[1, 1, 3])], {}, "", MATRIX),
    "lengths that differ": (columns(backlog=fp64("backlog", 1.0)), {}, "", ""),
    "text for a number": (columns(backlog=tensor("backlog", "BYTES", [2], ["1", "2"], True)), {}, "", "backlog"),
    "truth for a number": (columns(backlog=tensor("backlog", "BOOL", [2], [True, False], True)), {}, "", "backlog"),
    "another size": ([MATRIX_OF_ORDERS | {"stated_shape": [4, 3]}], {}, "", MATRIX),
    "unknown output": ([MATRIX_OF_ORDERS], {"outputs": [("colour", True)]}, "", "colour"),
    "NaN in binary": ([fp64(MATRIX, 1.0, float("nan"), 2.0, shape=[1, 3])], {}, "", "finite"),
    "NaN in JSON": ([fp64(MATRIX, 1.0, float("nan"), 2.0, shape=[1, 3], binary=False)], {}, "", ""),
    "repeated id": ([tensor("order_id", "BYTES", [2], ["A", "A"], True), *columns()], {}, "", "order_id"),
    "empty id": ([tensor("order_id", "BYTES", [2], ["A", ""], False), *columns()], {}, "", "order_id"),
    "too many orders": ([fp64(MATRIX, *[1.0] * 3 * MANY, shape=[MANY, 3])], {}, "", ""),
    "classification": ([MATRIX_OF_ORDERS], {"parameters": {"classification": 2}}, "", ""),
}


def assert_readable(found, status, text):
    """The error has the words of the service, not those of a client that cannot read them."""
    assert "outputs" not in found, found
    assert found["type"] in ("InferenceServerException", "HTTPStatusError"), found
    assert not any(vague in found["error"] for vague in ("decoding the response", "Inference failed"))
    message = found["error"].removeprefix(f"[{status}] ").split(", '4")[0].split(", '5")[0]
    assert len(message) > 15, found
    assert status in found["error"]
    assert text in message, found


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_arrives_with_its_message_at_every_client(server, error):
    given, more, status, text = ERRORS[error]
    clients = CLIENTS if "version" not in more else CLIENTS[:2]
    for found in outcomes(server, [call(client, *given, **more) for client in clients]):
        assert_readable(found, status, text)


@pytest.mark.parametrize(("token", "status"), [(None, "401"), ("wrong-token-1234567890123456789012", "401")])
def test_a_call_without_a_valid_token_is_rejected_readably_and_the_probes_need_none(tmp_path, token, status):
    (tmp_path / "tokens").write_text(line(GOOD, "score,read"))
    with running(GUNICORN, DELIVERY_RISK_TOKENS_FILE=str(tmp_path / "tokens")) as server:
        calls = [call(client) for client in CLIENTS] + [{"call": "v1_infer", "body": {"instances": [[1, 2, 3]]}}]
        for found in outcomes(server, calls, token):
            assert_readable(found, status, "token")
        assert all("error" not in found for found in outcomes(server, calls, GOOD))
        probes = [{"call": "sync_call", "method": f"is_server_{each}", "arguments": []} for each in ("live", "ready")]
        probes += [{**each, "call": "kserve_call"} for each in probes]
        assert outcomes(server, probes, token) == [True] * 4


def test_a_body_over_the_limit_is_rejected_readably_compressed_or_not():
    zeros = fp64(MATRIX, *[0.0] * 30_000, shape=[10_000, 3])
    with running(GUNICORN, DELIVERY_RISK_MAX_BODY_BYTES="100000") as server:
        calls = [call(client, zeros, compression=each) for client in CLIENTS for each in (None, "gzip")]
        for found in outcomes(server, calls):
            assert_readable(found, "413", "")


def test_a_service_that_drains_is_not_ready_but_answers(tmp_path):
    with running(GUNICORN, DELIVERY_RISK_DRAIN_FILE=str(tmp_path / "drain")) as server:
        probes = [
            {"call": "sync_call", "method": "is_server_ready", "arguments": []},
            {"call": "aio_call", "method": "is_model_ready", "arguments": ["delivery-risk"]},
            {"call": "kserve_call", "method": "is_model_ready", "arguments": ["delivery-risk"]},
            {"call": "v1_call", "method": "is_model_ready", "arguments": ["delivery-risk"]},
        ]
        assert outcomes(server, probes) == [True] * 4
        (tmp_path / "drain").touch()
        assert outcomes(server, probes) == [False] * 4
        (refused,) = outcomes(server, [{"call": "kserve_call", "method": "is_server_ready", "arguments": []}])
        assert_readable(refused, "503", "")
        assert all("error" not in found for found in outcomes(server, [call(client) for client in CLIENTS]))


def test_metadata_statistics_and_the_repository_are_readable_by_the_clients(server):
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
    found = outcomes(server, calls)
    assert found[:5][:3] == found[5:][:3]
    about, model, configuration, statistics, index = found[:5]
    assert about["name"]
    assert model["name"] == configuration["name"] == index[0]["name"] == statistics["model_stats"][0]["name"] == "delivery-risk"
    assert "1.0.0" in model["versions"]
    assert {each["name"] for each in model["outputs"]} >= {"score", "review"}


def test_the_clients_find_the_service_and_the_model_ready_or_not(server):
    ready = [
        ("sync_call", "is_server_live", []),
        ("sync_call", "is_server_ready", []),
        ("sync_call", "is_model_ready", ["delivery-risk"]),
    ]
    ready += [("aio_call", "is_server_live", []), ("aio_call", "is_model_ready", ["delivery-risk", "1.0.0"])]
    ready += [(client, "is_model_ready", ["delivery-risk"]) for client in ("kserve_call", "v1_call")]
    ready += [(client, "is_server_live", []) for client in ("kserve_call", "v1_call")]
    calls = [{"call": client, "method": method, "arguments": given} for client, method, given in ready]
    assert outcomes(server, calls) == [True] * len(calls)
    unknown = [
        {"call": client, "method": "is_model_ready", "arguments": ["other"]}
        for client in ("sync_call", "aio_call", "kserve_call")
    ]
    assert outcomes(server, unknown) == [False] * 3


V1_ERRORS = {
    "no instances": {"orders": []},
    "a number for the instances": {"instances": 7},
    "a text for a number": {"instances": [[1, 2, "3"]]},
    "too few numbers": {"instances": [[1, 2]]},
    "an unknown feature": {"instances": [dict.fromkeys(FEATURES, 1) | {"colour": 1}]},
}


def test_the_older_protocol_scores_explains_and_rejects_readably(server):
    rows = [[order[name] for name in FEATURES] for order in ORDERS]
    named = [{name: order[name] for name in FEATURES} for order in ORDERS]
    calls = [{"call": "v1_infer", "body": {"instances": each}} for each in (rows, named, [])]
    matrix, records, empty = outcomes(server, calls)
    assert matrix == records
    assert [each["score"] if isinstance(each, dict) else each for each in matrix["predictions"]] == SCORES
    assert empty["predictions"] == []
    (explained,) = outcomes(server, [{"call": "v1_explain", "body": {"instances": rows}}])
    assert "error" not in explained
    for found in outcomes(server, [{"call": "v1_infer", "body": body} for body in V1_ERRORS.values()]):
        assert_readable(found, "", "")
