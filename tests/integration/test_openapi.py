"""The real server keeps to its own OpenAPI document."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bearer_tokens import GOOD, line
from tests.servers import Client, running

# Two checks do not hold here by design: JSON Schema cannot say that order ids differ, so a body that is valid by the
# document may be rejected; and with on_error=partial a body with faulty orders is answered with 200.
BY_DESIGN = "positive_data_acceptance,negative_data_rejection"
CHECKS = ["--checks", "all", "--exclude-checks", BY_DESIGN]


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


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
    tokens, tool = tmp_path / "tokens", Path(sys.executable).with_name("schemathesis")
    tokens.write_text(line(GOOD))
    closed = running(DELIVERY_RISK_TOKENS_FILE=str(tokens), DELIVERY_RISK_WORKERS="2")
    with closed if token else contextlib.nullcontext(server) as asked:
        command = [tool, "run", f"http://127.0.0.1:{asked.port}/openapi.json", *CHECKS, "--no-color", "--phases", phases]
        command += ["--max-examples", str(examples)]
        command += ["-H", f"Authorization: Bearer {token}"] if token else []
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
        samples = Client(asked.port, token=token).metrics()
    assert done.returncode == 0, done.stdout[-5000:]
    assert "No issues found" in done.stdout
    counted = [name for name, count in samples.items() if name.startswith("http_request_duration_seconds_count") and count]
    statuses = {name.split('status="')[1][:3] for name in counted}
    assert ({"401"} if token else {"200", "422"}) <= statuses
    assert "500" not in statuses


def test_a_status_given_before_any_route_is_entered_is_in_the_document(server):
    document = json.loads(server.call("GET", "/openapi.json")[2])
    assert len(document["paths"]) == 10
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
