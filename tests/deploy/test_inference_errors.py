"""The errors that the real clients of the Open Inference Protocol show: each has the message of the service."""

from itertools import product
from typing import Any

import pytest

from tests.bearer_tokens import GOOD, line
from tests.deploy.inference_clients import CLIENTS, KNOWN, assert_readable, call, tensor
from tests.facts import FEATURES
from tests.servers import GUNICORN, running
from tests.tensor_oracle import MATRIX

pytestmark = pytest.mark.deploy


@pytest.fixture(scope="module")
def server():
    with running(GUNICORN) as started:
        yield started


def fp64(name, *data, shape=None, binary=True):
    return tensor(name, "FP64", shape or [len(data)], list(data), binary)


def columns(**changed):
    given = {name: fp64(name, 1.0, 2.0) for name in FEATURES} | changed
    return [each for each in given.values() if each is not None]


MANY = 10_001
ERRORS: dict[str, tuple[list[dict], dict[str, Any], str, str]] = {
    "unknown model": ([KNOWN], {"model": "other"}, "404", "model"),
    "unknown version": ([KNOWN], {"version": "7"}, "404", "version"),
    "unknown input": ([*columns(), fp64("colour", 1.0, 2.0)], {}, "", "colour"),
    "missing input": (columns(backlog=None), {}, "", "backlog"),
    "repeated input": ([*columns(), fp64("backlog", 1.0, 2.0)], {}, "", "backlog"),
    "too few columns": ([fp64(MATRIX, 1.0, 2.0, shape=[1, 2])], {}, "", MATRIX),
    "three dimensions": ([fp64(MATRIX, 1.0, 2.0, 3.0, shape=[1, 1, 3])], {}, "", MATRIX),
    "lengths that differ": (columns(backlog=fp64("backlog", 1.0)), {}, "", ""),
    "text for a number": (columns(backlog=tensor("backlog", "BYTES", [2], ["1", "2"], True)), {}, "", "backlog"),
    "truth for a number": (columns(backlog=tensor("backlog", "BOOL", [2], [True, False], True)), {}, "", "backlog"),
    "another size": ([KNOWN | {"stated_shape": [4, 3]}], {}, "", MATRIX),
    "unknown output": ([KNOWN], {"outputs": [("colour", True)]}, "", "colour"),
    "NaN in binary": ([fp64(MATRIX, 1.0, float("nan"), 2.0, shape=[1, 3])], {}, "", "finite"),
    "NaN in JSON": ([fp64(MATRIX, 1.0, float("nan"), 2.0, shape=[1, 3], binary=False)], {}, "", ""),
    "repeated id": ([tensor("order_id", "BYTES", [2], ["A", "A"], True), *columns()], {}, "", "order_id"),
    "empty id": ([tensor("order_id", "BYTES", [2], ["A", ""], False), *columns()], {}, "", "order_id"),
    "too many orders": ([fp64(MATRIX, *[1.0] * 3 * MANY, shape=[MANY, 3])], {}, "", ""),
    "classification": ([KNOWN], {"parameters": {"classification": 2}}, "", ""),
}


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_arrives_with_its_message_at_every_client(server, error, clients):
    given, more, status, text = ERRORS[error]
    callers = CLIENTS if "version" not in more else CLIENTS[:2]
    for found in clients.outcomes(server, [call(client, *given, **more) for client in callers]):
        assert_readable(found, status, text)


@pytest.mark.parametrize(("token", "status"), [(None, "401"), ("wrong-token-1234567890123456789012", "401")])
def test_a_call_without_a_valid_token_is_rejected_readably_and_the_probes_need_none(tmp_path, token, status, clients):
    (tmp_path / "tokens").write_text(line(GOOD, "score,read"))
    with running(GUNICORN, DELIVERY_RISK_TOKENS_FILE=str(tmp_path / "tokens")) as server:
        calls = [call(client, KNOWN) for client in CLIENTS] + [{"call": "v1_infer", "body": {"instances": [[1, 2, 3]]}}]
        for found in clients.outcomes(server, calls, token):
            assert_readable(found, status, "token")
        assert all("error" not in found for found in clients.outcomes(server, calls, GOOD))
        probes = [{"call": "sync_call", "method": f"is_server_{each}", "arguments": []} for each in ("live", "ready")]
        probes += [{**each, "call": "kserve_call"} for each in probes]
        assert clients.outcomes(server, probes, token) == [True] * 4


def test_a_body_over_the_limit_is_rejected_readably_compressed_or_not(clients):
    zeros = fp64(MATRIX, *[0.0] * 30_000, shape=[10_000, 3])
    with running(GUNICORN, DELIVERY_RISK_MAX_BODY_BYTES="100000") as server:
        for client, compression in product(CLIENTS, (None, "gzip")):
            # One call for each connection: the service closes one whose body it did not read.
            (found,) = clients.outcomes(server, [call(client, zeros, compression=compression)])
            assert_readable(found, "413", "100000 bytes")


V1_ERRORS = {
    "no instances": {"orders": []},
    "a number for the instances": {"instances": 7},
    "a text for a number": {"instances": [[1, 2, "3"]]},
    "too few numbers": {"instances": [[1, 2]]},
    "an unknown feature": {"instances": [dict.fromkeys(FEATURES, 1) | {"colour": 1}]},
}


@pytest.mark.parametrize("error", V1_ERRORS)
def test_every_error_of_the_older_protocol_arrives_with_its_message(server, clients, error):
    (found,) = clients.outcomes(server, [{"call": "v1_infer", "body": V1_ERRORS[error]}])
    assert_readable(found, "400", "")
