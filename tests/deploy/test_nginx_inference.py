"""deploy/nginx between the clients of the Open Inference Protocol and the service."""

import json

import pytest

from tests.deploy.inference_clients import CLIENTS, KNOWN, assert_readable, call, tensor
from tests.deploy.nginx import running_nginx
from tests.facts import FEATURES, SCORES
from tests.servers import free_port
from tests.tensor_oracle import MATRIX

pytestmark = pytest.mark.deploy


def matrix(*rows):
    return tensor(MATRIX, "FP64", [len(rows), len(FEATURES)], [float(value) for row in rows for value in row], binary=True)


def test_scores_metadata_and_errors_pass_through_in_any_compression(nginx, clients):
    """The clients of Triton inflate no answer but that of infer, though they ask for compression with every call."""
    calls = [call(client, KNOWN, compression=compression) for client in CLIENTS for compression in (None, "gzip", "deflate")]
    assert [each["outputs"]["score"]["data"] for each in clients.outcomes(nginx, calls)] == [SCORES] * len(calls)
    large = matrix(*[[float("nan")] * 3] * 100)
    for found in clients.outcomes(nginx, [call(client, large) for client in CLIENTS]):
        assert_readable(found, "400", "finite")
    about = [{"call": "aio_call", "method": "get_model_metadata", "arguments": ["delivery-risk"]}]
    assert clients.outcomes(nginx, about)[0]["name"] == "delivery-risk"
    accepted = {"Accept-Encoding": "gzip, deflate, br"}
    for path in ("/v2/models/delivery-risk", "/v2/models/delivery-risk/config", "/v2/models/stats"):
        status, headers, answer = nginx.call("GET", path, headers=accepted)
        assert (status, headers.get("content-encoding"), headers["content-type"]) == (200, None, "application/json"), path
        assert json.loads(answer)


def test_an_error_of_nginx_is_readable_by_every_client(nginx, clients):
    too_large = matrix(*[[0.0] * 3] * 730_000)
    for client in CLIENTS:
        (found,) = clients.outcomes(nginx, [call(client, too_large)])
        assert_readable(found, "413", "larger")
    with running_nginx(free_port()) as alone:
        calls = [call(client, KNOWN) for client in CLIENTS] + [{"call": "v1_infer", "body": {"instances": []}}]
        for found in clients.outcomes(alone, calls):
            assert_readable(found, "503", "again")
        status, headers, answer = alone.call("GET", "/v2/health/ready")
        assert (status, headers["content-type"], headers["retry-after"]) == (503, "application/json", "1")
        assert json.loads(answer)["request_id"] == headers["x-request-id"]
