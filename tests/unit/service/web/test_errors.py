import logging

import pytest

from schemas.faults import ProblemSchema
from service.web.errors import MEDIA_TYPE, PROBLEMS


def test_every_problem_is_a_problem_document_with_the_requests_id(client):
    answer = client.get("/nowhere", headers={"X-Request-ID": "abc-1"})
    assert (answer.status_code, answer.content_type) == (404, MEDIA_TYPE)
    assert ProblemSchema().load(answer.json)["request_id"] == "abc-1" == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path", "allow"), [("GET", "/score", {"POST", "OPTIONS"}), ("POST", "/model", {"GET", "HEAD", "OPTIONS"})]
)
def test_a_wrong_method_says_which_ones_are_right(client, method, path, allow):
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.content_type, answer.allow.to_header()) == (405, MEDIA_TYPE, answer.headers["Allow"])
    assert set(answer.headers["Allow"].split(", ")) == allow


def test_an_unexpected_error_is_a_500_that_tells_nothing_and_a_log_line_that_tells_all(client, order, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("inner workings")

    monkeypatch.setattr("service.scoring.policy.score", fail)
    with caplog.at_level(logging.ERROR):
        answer = client.post("/score", json={"orders": [order]})
    assert (answer.status_code, answer.content_type) == (500, MEDIA_TYPE)
    assert "inner workings" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "delivery_risk.problems"]
    assert record.exc_info[1].args == ("inner workings",)
    assert record.request_id == answer.json["request_id"]


@pytest.mark.parametrize("path", ["/score/", "/%00", "/" + "x" * 5000, "//score", "/../etc/passwd", "/docs/../app.py"])
def test_odd_paths_are_not_found(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (404, MEDIA_TYPE)


@pytest.mark.parametrize("path", ["/docs//swagger-ui.css", "/docs//", "//docs", "/docs//..//x"])
def test_a_path_with_two_slashes_leads_nowhere_and_not_to_where_the_host_header_says(client, path):
    answer = client.get(path, headers={"Host": "elsewhere.example"})
    assert (answer.status_code, answer.content_type, answer.location) == (404, MEDIA_TYPE, None)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui.css"])
def test_a_condition_that_does_not_hold_is_a_problem_too(client, path):
    answer = client.get(path, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer.content_type) == (412, MEDIA_TYPE)
    assert ProblemSchema().load(answer.json)["status"] == 412


@pytest.mark.parametrize("query", ["\xff", "on_error=partial&\x80", "on_error=\xe9", "%ff", "on_error=%80"])
def test_a_query_of_bytes_that_are_no_text_is_refused(client, order, query):
    environ = {"QUERY_STRING": query}
    answer = client.post("/score", json={"orders": [order]}, environ_overrides=environ)
    assert (answer.status_code, answer.content_type) == (400, MEDIA_TYPE)
    assert answer.json["detail"] == "The query may only hold on_error=refuse or on_error=partial, once."


def test_at_most_a_hundred_errors_come_back_with_their_true_count(client):
    answer = client.post("/score", json={"orders": [{"order_id": str(n)} for n in range(50)]})
    assert (answer.status_code, len(answer.json["errors"]), answer.json["error_count"]) == (422, 100, 150)


def test_each_status_has_a_type_of_its_own():
    assert len({kind for kind, _ in PROBLEMS.values()}) == len(PROBLEMS)
