import logging
import re

import pytest

from schemas.faults import ProblemSchema
from service.web.errors import MEDIA_TYPE, PROBLEMS


def problem(answer, status):
    """The problem document of an answer, which must have this status."""
    assert (answer.status_code, answer.content_type) == (status, MEDIA_TYPE)
    found = ProblemSchema().load(answer.json)
    assert (found["status"], found["request_id"]) == (status, answer.headers["X-Request-ID"])
    return found


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("GET", "/score", {"POST", "OPTIONS"}), ("POST", "/model", {"GET", "HEAD", "OPTIONS"})]
)
def test_a_wrong_method_is_answered_with_the_allowed_ones(client, method, path, allow):
    answer = client.open(path, method=method)
    detail = problem(answer, 405)["detail"]
    assert set(answer.headers["Allow"].split(", ")) == allow
    assert detail == f"The path supports {answer.headers['Allow']}."


def test_an_unexpected_error_is_a_500_without_details_and_a_log_line_with_all_of_them(client, order, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("inner workings")

    monkeypatch.setattr("service.scoring.service.score_batch", fail)
    with caplog.at_level(logging.ERROR):
        answer = client.post("/score", json={"orders": [order]}, headers={"X-Request-ID": "abc-1"})
    assert problem(answer, 500)["request_id"] == "abc-1"
    assert "inner workings" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "delivery_risk.problems"]
    assert record.exc_info[1].args == ("inner workings",)
    assert record.request_id == "abc-1"


ODD = ["/nowhere", "/score/", "/%00", "/" + "x" * 5000, "//score", "/../etc/passwd", "/docs/../app.py"]


@pytest.mark.parametrize("path", [*ODD, "/docs//swagger-ui.css", "/docs//", "//docs", "/docs//..//x"])
def test_an_unknown_path_is_not_found_and_not_redirected_to_another_host(client, path):
    answer = client.get(path, headers={"Host": "elsewhere.example"})
    problem(answer, 404)
    assert answer.location is None


RESEMBLING = {"/score/": "/score", "/Score": "/score", "//score": "/score", "/%73core": "/score", "/docs/": "/docs", "//": "/"}


@pytest.mark.parametrize(("path", "meant"), RESEMBLING.items())
def test_an_unknown_path_that_resembles_a_known_one_is_answered_with_that(client, path, meant):
    answer = client.get("/", environ_overrides={"RAW_URI": path})
    assert problem(answer, 404)["detail"] == f"The path does not exist. Use {meant}: a path is compared as it was sent."


@pytest.mark.parametrize("path", ["/", "/SECRET", "/score/SECRET", "/docs/a/SECRET"])
def test_an_unknown_path_is_answered_with_those_that_are_documented_and_not_repeated(client, path):
    answer = client.get(path.replace("/", "/x/", 1))
    listed = re.findall(r"(?<= )/[^ ,]*(?=[,.])", problem(answer, 404)["detail"])
    documented = client.get("/openapi.json").json["paths"]
    assert sorted(listed) == sorted(path for path in documented if not path.startswith(("/v1", "/v2")))
    assert "SECRET" not in answer.text


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui.css"])
def test_a_failed_precondition_is_a_problem_too(client, path):
    problem(client.get(path, headers={"If-Match": '"another"'}), 412)


KNOWN = [
    "on_error=no",
    "on_eror=partial",
    "on_error=partial&on_error=refuse",
    "on_error=",
    "explain=none",
    "explain=all&changes=yes",
]


@pytest.mark.parametrize("query", [*KNOWN, "\xff", "on_error=partial&\x80", "on_error=\xe9", "%ff", "on_error=%80"])
def test_an_unknown_query_is_a_bad_request(client, order, query):
    answer = client.post("/score", json={"orders": [order]}, environ_overrides={"QUERY_STRING": query})
    found = problem(answer, 400)
    assert found["type"] == "urn:delivery-risk:problem:bad-request"
    assert found["detail"] == (
        "The query may only contain on_error=refuse or on_error=partial, explain=review or explain=all, changes=true, "
        "review_top and by, each once."
    )


def test_each_status_has_its_own_type():
    assert len({kind for kind, _ in PROBLEMS.values()}) == len(PROBLEMS)
