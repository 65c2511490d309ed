"""Infer requests changed at random: each is answered as the text of the protocol says, or rejected as its clients can read."""

import io
import json
import random
from collections import Counter
from contextlib import suppress

import pytest
from werkzeug.test import TestResponse, create_environ, run_wsgi_app

from tests import tensor_oracle
from tests.apps import app_of
from tests.facts import FEATURES
from tests.mutated_bodies import MARKS
from tests.mutated_tensors import mutant, valid
from tests.tensor_bodies import HEADER, answered
from tests.tensor_oracle import NotReadable, read

PATH = "/v2/models/delivery-risk/infer"
TYPES = {"score": "FP64", "review": "BOOL", "logit": "FP64", "rank": "INT64", "contribution": "FP64"}


@pytest.fixture(scope="module")
def application():
    return app_of()


def answer_to(application, body, headers):
    given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items() if name != "Content-Type"}
    given |= {"CONTENT_TYPE": headers["Content-Type"], "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    environ = create_environ(path=PATH, method="POST") | {"SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1"} | given
    return TestResponse(*run_wsgi_app(application, environ, buffered=True), request=None)


def assert_rejected(answer):
    assert answer.status_code in (400, 413, 422), answer.status_code
    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(answer.json["error"], str)
    assert answer.json["error"]


def assert_scored(reading, answer):
    """The answer has the outputs that were asked for, in their order and encoding, with the exact values of these orders."""
    document, data = answered(dict(answer.headers), answer.data)
    orders, outputs = reading.orders, document["outputs"]
    assert document["model_name"] == "delivery-risk"
    assert document["id"] == reading.id if reading.id else isinstance(document["id"], str)
    assert [each["name"] for each in outputs] == [*reading.outputs]
    assert ["data" not in each for each in outputs] == [*reading.outputs.values()]
    assert {each["name"]: each["datatype"] for each in outputs} == {name: TYPES[name] for name in reading.outputs}
    for each in outputs:
        columns = len(FEATURES) if each["name"] == "contribution" else 1
        assert each["shape"] == [len(orders), columns]
        assert len(data[each["name"]]) == len(orders) * columns
    expected = {
        "score": [tensor_oracle.score(order) for order in orders],
        "logit": [tensor_oracle.logit(order) for order in orders],
        "review": [tensor_oracle.review(order) for order in orders],
    }
    assert {name: data[name] for name in expected if name in data} == {
        name: expected[name] for name in expected if name in data
    }
    if "rank" in data:
        assert sorted(data["rank"]) == [*range(1, len(orders) + 1)]


def check(application, body, headers):
    """The status of the answer, and whether the request is plain."""
    answer = answer_to(application, body, headers)
    try:
        reading = read(headers.get(HEADER), body)
    except NotReadable:
        assert_rejected(answer)
        assert not any(mark.encode() in answer.data for mark in MARKS if mark.encode() not in _names(body))
        return answer.status_code, False
    if answer.status_code == 200:
        assert_scored(reading, answer)
    else:
        assert_rejected(answer)
        assert not reading.plain, "a valid request is rejected"
    return answer.status_code, reading.plain


def _names(body):
    """The texts of a body that an error may have: names of members and of tensors."""
    found = []

    def names(pairs):
        found.extend(name for name, _ in pairs)
        found.extend(value for name, value in pairs if name in ("name", "id") and isinstance(value, str))
        return dict(pairs)

    with suppress(ValueError, RecursionError):
        json.JSONDecoder(object_pairs_hook=names).raw_decode(body.decode("utf-8", "replace"))
    return " ".join(found).encode("utf-8", "replace")


def test_a_valid_request_in_any_mixture_gets_its_exact_scores(application):
    for number in range(300):
        body, headers = valid(random.Random(f"valid {number}"))
        assert check(application, body, headers) == (200, True), (number, headers, body)


@pytest.mark.parametrize("mutants", [5_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.longest])])
def test_a_request_changed_at_random_is_scored_as_the_text_says_or_rejected(application, mutants):
    seen = Counter()
    for number in range(mutants):
        body, headers = mutant(f"tensors {number}")
        try:
            status, plain = check(application, body, headers)
        except AssertionError as error:
            raise AssertionError(f"tensors {number}: {headers} {body[:1500]!r}") from error
        seen[HEADER in headers, status == 200, plain] += 1
    assert {key[:2] for key in seen} == {(binary, scored) for binary in (True, False) for scored in (True, False)}
    assert all(sum(count for key, count in seen.items() if key[0] is binary) > 0.4 * mutants for binary in (True, False)), seen
    assert seen[True, True, True] > mutants / 50 < seen[False, True, True], seen
