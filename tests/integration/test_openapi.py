import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import running

# Two checks do not hold here by design: JSON Schema cannot say that order ids differ, so a body that is valid by the
# document may be refused; and with on_error=partial a body with faulty orders is answered with 200.
BY_DESIGN = "positive_data_acceptance,negative_data_rejection"
CHECKS = ["--checks", "all", "--exclude-checks", BY_DESIGN]


@pytest.mark.parametrize(
    ("examples", "phases"), [(30, "examples,fuzzing"), pytest.param(300, "examples,coverage,fuzzing", marks=pytest.mark.long)]
)
def test_the_service_keeps_to_its_own_document_under_generated_requests(examples, phases, tmp_path):
    tool = Path(sys.executable).with_name("schemathesis")
    with running() as server:
        command = [
            tool,
            "run",
            f"http://127.0.0.1:{server.port}/openapi.json",
            *CHECKS,
            "--max-examples",
            str(examples),
            "--phases",
            phases,
        ]
        done = subprocess.run([*command, "--no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
        statuses = {
            name.split('status="')[1][:3]
            for name, count in server.metrics().items()
            if name.startswith("http_request_duration_seconds_count") and count
        }
    assert done.returncode == 0, done.stdout[-5000:]
    assert "No issues found" in done.stdout
    assert {"200", "422"} <= statuses
    assert "500" not in statuses


def test_what_is_refused_before_any_route_is_entered_is_in_the_document():
    with running() as server:
        document = json.loads(server.call("GET", "/openapi.json")[2])
        assert len(document["paths"]) == 8
        for path, item in document["paths"].items():
            (method,) = item
            responses = item[method]["responses"]
            for query, headers, status in (
                (f"?{'a' * 4000}", {}, None),
                (f"?{'a' * 4100}", {}, "414"),
                ("", {"X-A": "a" * 8000}, None),
                ("", {"X-A": "a" * 9000}, "431"),
                ("", {f"X-{number}": "a" for number in range(101)}, "431"),
            ):
                answered, told, _ = server.call(method.upper(), path + query, headers=headers)
                assert str(answered) == status or status is None, (path, answered)
                assert str(answered) in responses, (path, answered)
                assert told["content-type"].partition(";")[0] in responses[str(answered)]["content"]
