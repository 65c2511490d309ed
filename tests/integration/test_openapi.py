"""The real server keeps to its own OpenAPI document."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.artifact import model_file
from model.core.manifest import Context
from tests.bearer_tokens import GOOD, line
from tests.raw_orders import raw_model
from tests.servers import Client, running

# Two checks do not hold here by design: JSON Schema cannot say that order ids differ, so a body that is valid by the
# document may be rejected; and with on_error=partial a body with faulty orders is answered with 200.
BY_DESIGN = "positive_data_acceptance,negative_data_rejection"
CHECKS = ["--checks", "all", "--exclude-checks", BY_DESIGN, "--seed", "1"]  # unseeded, some runs get no 422


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(DELIVERY_RISK_DECISION_LOG=str(tmp_path_factory.mktemp("log"))) as started:
        yield started


@pytest.fixture
def raw_server(tmp_path):
    """A service whose orders have gaps, categories, context and a name that is not used."""
    made = raw_model(context=(Context("lane", ("north", "south")),), also_accepts=("promised_at",))
    model_file.write(made, tmp_path / "raw.npz")
    with running(DELIVERY_RISK_MODEL=str(tmp_path / "raw.npz")) as started:
        yield started


def keeps_to_its_document(port, folder, *options):
    """Send generated requests, whose answers must all be in the document."""
    tool = Path(sys.executable).with_name("schemathesis")
    command = [tool, "run", f"http://127.0.0.1:{port}/openapi.json", *CHECKS, "--no-color", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "No issues found" in done.stdout, done.stdout[-5000:]


def statuses_of(server):
    """The statuses that this server has answered, none of which is a 500."""
    counted = [
        name for name, count in server.metrics().items() if name.startswith("http_request_duration_seconds_count") and count
    ]
    statuses = {name.split('status="')[1][:3] for name in counted}
    assert "500" not in statuses
    return statuses


@pytest.mark.parametrize(
    ("phases", "examples", "token"),
    [
        ("examples,fuzzing", 30, None),
        pytest.param("examples,coverage,fuzzing", 300, None, marks=pytest.mark.long),
        pytest.param("examples,coverage,fuzzing,stateful", 200, GOOD, marks=pytest.mark.long),
    ],
    ids=["short", "long", "long-with-tokens"],
)
def test_the_service_keeps_to_its_own_document_under_generated_requests(server, phases, examples, token, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(line(GOOD, "score,read,outcome"))
    closed = running(DELIVERY_RISK_TOKENS_FILE=str(tokens), DELIVERY_RISK_WORKERS="2", DELIVERY_RISK_DECISION_LOG=str(tmp_path))
    options = ["--phases", phases, "--max-examples", str(examples)]
    options += ["-H", f"Authorization: Bearer {token}"] if token else []
    with closed if token else contextlib.nullcontext(server) as asked:
        keeps_to_its_document(asked.port, tmp_path, *options)
        statuses = statuses_of(Client(asked.port, token=token))
    assert ({"401"} if token else {"200", "422"}) <= statuses


def test_so_does_a_service_of_raw_orders(raw_server, tmp_path):
    options = ["--phases", "examples,fuzzing", "--max-examples", "30", "--include-path-regex", "^/(score|model)$"]
    keeps_to_its_document(raw_server.port, tmp_path, *options)
    assert {"200", "422"} <= statuses_of(raw_server)


def test_a_status_given_before_any_route_is_entered_is_in_the_document(server):
    document = json.loads(server.call("GET", "/openapi.json")[2])
    assert len(document["paths"]) == 29
    for path, item in document["paths"].items():
        ((method, operation),) = item.items()
        for query, headers, status in (
            (f"?{'a' * 4000}", {}, None),
            (f"?{'a' * 4100}", {}, "414"),
            ("", {"X-A": "a" * 8000}, None),
            ("", {"X-A": "a" * 9000}, "431"),
            ("", {f"X-{number}": "a" for number in range(101)}, "431"),
        ):
            answered, given, _ = server.call(method.upper(), path + query, headers=headers)
            assert status in (None, str(answered)), path
            assert given["content-type"].partition(";")[0] in operation["responses"][str(answered)]["content"], path
