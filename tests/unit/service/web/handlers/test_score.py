"""Every request in tests/data/requests, and some too large for a file, through the real application in process."""

import json
from time import perf_counter

import pytest

from schemas.answer_schemas import DecisionSchema
from tests.apps import app_of
from tests.facts import FEATURES, ORDERS, SCORES
from tests.mutated_bodies import MARKS, REQUESTS
from tests.unit.service.web import test_errors

RESULTS = {
    order["order_id"]: {"order_id": order["order_id"], "score": score, "queue": queue}
    for order, score, queue in zip(ORDERS, SCORES, ("monitor", "review", "review"), strict=True)
}


def cases(kind, ending, status=None):
    found = []
    for path in sorted((REQUESTS / kind).glob(f"*.{ending}.json")):
        name, expected = path.name.removesuffix(f".{ending}.json"), json.loads(path.read_text("utf-8"))
        if status in (None, expected.get("status")):
            (body,) = (file for file in (path.with_name(name + end) for end in (".json", ".bin")) if file.exists())
            found.append(pytest.param(body.read_bytes(), expected, id=name))
    return found


@pytest.fixture(scope="module")
def client():
    return app_of().test_client()


def post(client, body, query=""):
    # Of itself the test client leaves out a Content-Length of 0.
    length = {"CONTENT_LENGTH": str(len(body))}
    return client.post("/score" + query, data=body, content_type="application/json", environ_overrides=length)


def decision(answer):
    assert (answer.status_code, answer.content_type) == (200, "application/json"), answer.text
    assert not [mark for mark in MARKS if mark in f"{answer.text} {answer.headers}"], "a value is repeated"
    return DecisionSchema().load(answer.json)


def problem(answer, status):
    assert not [mark for mark in MARKS if mark in f"{answer.text} {answer.headers}"], "a value is repeated"
    return test_errors.problem(answer, status)


def listed(errors):
    return [(error["pointer"], error["code"], error.get("order_id")) for error in errors]


def assert_results(results, expected):
    assert [{**result, "score": None} for result in results] == [{**result, "score": None} for result in expected]
    for result, other in zip(results, expected, strict=True):
        assert abs(result["score"] - other["score"]) <= 1e-14, result["order_id"]


@pytest.mark.parametrize(("body", "expected"), cases("valid", "answer"))
def test_a_valid_request_gets_the_results_beside_it(client, body, expected):
    assert_results(decision(post(client, body))["results"], expected["results"])
    found = decision(post(client, body, "?on_error=partial"))
    assert_results(found["results"], expected["results"])
    assert (found["errors"], found["error_count"]) == ([], 0)


@pytest.mark.parametrize("query", ["", "?on_error=refuse", "?on_error=partial"])
@pytest.mark.parametrize(("body", "expected"), cases("invalid", "problem", 400))
def test_a_body_that_is_not_json_is_a_bad_request_without_errors(client, body, expected, query):
    found = problem(post(client, body, query), 400)
    assert {name: found[name] for name in found if name in ("status", "errors", "error_count")} == expected


@pytest.mark.parametrize("query", ["", "?on_error=refuse"])
@pytest.mark.parametrize(("body", "expected"), cases("invalid", "problem", 422))
def test_an_invalid_batch_is_rejected_with_the_errors_beside_it(client, body, expected, query):
    found = problem(post(client, body, query), 422)
    assert listed(found["errors"]) == listed(expected["errors"])
    assert found["error_count"] == expected["error_count"]


@pytest.mark.parametrize(("body", "expected"), cases("invalid", "problem", 422))
def test_with_partial_the_valid_orders_are_scored_unless_the_batch_itself_is_invalid(client, body, expected):
    answer = post(client, body, "?on_error=partial")
    if "sound" in expected:
        found = decision(answer)
        assert_results(found["results"], [RESULTS[order_id] for order_id in expected["sound"]])
    else:
        found = problem(answer, 422)
    assert listed(found["errors"]) == listed(expected["errors"])
    assert found["error_count"] == expected["error_count"]


def test_huge_numbers_of_either_sign_are_answered_whatever_came_before(client):
    for number in (1e308, -1e308, 1e308):
        orders = [{"order_id": f"X-{at}", "route_disruption": 5, "backlog": number, "weather_severity": 5} for at in range(5)]
        found = decision(post(client, json.dumps({"orders": orders}).encode()))
        assert [result["out_of_range"] for result in found["results"]] == [["backlog"]] * 5


def test_a_rejection_lists_a_hundred_errors_with_their_count_and_a_partial_answer_lists_all_of_few(client):
    body = json.dumps({"orders": [*({"order_id": f"X-{at}"} for at in range(70)), ORDERS[0]]}).encode()
    found = problem(post(client, body), 422)
    assert (len(found["errors"]), found["error_count"]) == (100, 210)
    assert (found["errors"][0]["order_id"], found["errors"][-1]["order_id"]) == ("X-0", "X-33")
    partial = decision(post(client, body, "?on_error=partial"))
    assert (len(partial["results"]), len(partial["errors"]), partial["error_count"]) == (1, 210, 210)


def test_a_partial_answer_lists_the_first_error_of_each_order_a_thousand_of_the_others_and_the_count_of_all(client):
    body = json.dumps({"orders": [{"order_id": f"X-{at}"} for at in range(600)]}).encode()
    partial = decision(post(client, body, "?on_error=partial"))
    assert partial["error_count"] == 1800
    assert [error["pointer"] for error in partial["errors"]] == [
        f"/orders/{at}/{name}" for at in range(600) for name in sorted(FEATURES)[: 3 if at < 500 else 1]
    ]


HOSTILE = {
    "lists": (b"[" * 10_000, 400),
    "closed-lists": (b'{"orders": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
    "objects": (b'{"orders":' * 10_000, 400),
    "closed-objects": (b'{"orders":' * 10_000 + b"1" + b"}" * 10_000, 400),
    "more-lists": (b"[" * 100_000, 422),
    "more-objects": (b'{"orders":' * 100_000, 422),
    "top-keys": (b'{"orders": 1' + b', "orders": 1' * 200_000 + b"}", 422),
    "order-keys": (b'{"orders": [{"backlog": 1' + b', "backlog": 1' * 200_000 + b"}]}", 422),
    "unknown-keys": (b'{"orders": [{' + b", ".join(b'"n%d": 1, "n%d": 1' % (at, at) for at in range(100_000)) + b"}]}", 422),
    "keys-of-a-value": (b'{"orders": [{"backlog": {"n": 1' + b', "n": 1' * 200_000 + b"}}]}", 422),
    "digits": (b'{"orders": [{"backlog": ' + b"7" * 2_000_000 + b"}]}", 422),
    "decimals": (b'{"orders": [{"backlog": 0.' + b"7" * 2_000_000 + b"}]}", 422),
}


@pytest.mark.parametrize(("body", "status"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_rejected_at_once(client, body, status):
    begun = perf_counter()
    found = problem(post(client, body), status)
    # Far above what it takes, far below what anything quadratic would: 200,000 names squared are minutes.
    assert perf_counter() - begun < 20
    assert len(json.dumps(found)) < 2_000
