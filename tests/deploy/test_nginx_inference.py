"""deploy/nginx between the clients of the Open Inference Protocol and the service."""

import json

import pytest

from model.artifact import model_file
from tests.deploy.inference_clients import CLIENTS, KNOWN, assert_readable, call, tensor
from tests.deploy.nginx import running_nginx
from tests.facts import FEATURES, SCORES
from tests.raw_orders import raw_model
from tests.servers import free_port, running
from tests.tensor_oracle import MATRIX

pytestmark = pytest.mark.deploy


def matrix(*rows):
    return tensor(MATRIX, "FP64", [len(rows), len(FEATURES)], [float(value) for row in rows for value in row], binary=True)


def test_scores_and_errors_pass_through_in_any_compression(nginx, clients):
    calls = [call(client, KNOWN, compression=compression) for client in CLIENTS for compression in (None, "gzip", "deflate")]
    assert [each["outputs"]["score"]["data"] for each in clients.outcomes(nginx, calls)] == [SCORES] * len(calls)
    large = matrix(*[[float("nan")] * 3] * 100)
    for found in clients.outcomes(nginx, [call(client, large) for client in CLIENTS]):
        assert_readable(found, "400", "finite")


def test_no_answer_but_that_of_infer_is_compressed(clients, tmp_path):
    """The clients of Triton inflate no other answer, though they ask for compression with every call."""
    (tmp_path / "raw.npz").write_bytes(model_file.dumps(raw_model()))
    with running(DELIVERY_RISK_MODEL=str(tmp_path / "raw.npz")) as server, running_nginx(server.port) as nginx:
        status, headers, answer = nginx.call("GET", "/v2/models/raw", headers={"Accept-Encoding": "gzip, deflate, br"})
        assert (status, headers.get("content-encoding"), headers["content-type"]) == (200, None, "application/json")
        assert len(answer) > 1024, "too short to be compressed in any case"
        about = {"call": "aio_call", "method": "get_model_metadata", "arguments": ["raw"]}
        assert clients.outcomes(nginx, [about])[0].get("name") == "raw"


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
