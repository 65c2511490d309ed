import io
import json

import pytest

BODY = json.dumps({"orders": [{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}]}).encode()


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_taken_with_or_without_a_charset(client, kind):
    assert client.post("/score", data=BODY, content_type=kind).status_code == 200


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonl", "x"])
def test_another_media_type_or_none_is_refused(client, kind):
    answer = client.post("/score", data=BODY, content_type=kind)
    assert (answer.status_code, answer.json["detail"]) == (415, "Content-Type must be application/json or text/csv.")


def test_a_compressed_body_is_refused_with_what_is_taken(client):
    answer = client.post("/score", data=BODY, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")


@pytest.mark.parametrize("removed", ["", None])
def test_a_body_without_a_length_is_refused(client, removed):
    environ = {"CONTENT_LENGTH": removed, "HTTP_TRANSFER_ENCODING": "chunked"} if removed is None else {"CONTENT_LENGTH": ""}
    answer = client.post("/score", input_stream=io.BytesIO(BODY), content_type="application/json", environ_overrides=environ)
    assert answer.status_code == 411


@pytest.mark.parametrize("length", ["-1", "1.5", "x", "+5", "５"])
def test_a_length_that_is_no_number_is_refused(client, length):
    environ = {"CONTENT_LENGTH": length}
    answer = client.post("/score", input_stream=io.BytesIO(BODY), content_type="application/json", environ_overrides=environ)
    assert answer.status_code == 400


def test_a_body_over_the_limit_is_refused_without_reading_it(make_client):
    class Unreadable(io.BytesIO):
        def read(self, *_):
            raise AssertionError("read")

    answer = make_client(max_body_bytes="100").post(
        "/score", input_stream=Unreadable(), content_type="application/json", environ_overrides={"CONTENT_LENGTH": "101"}
    )
    assert (answer.status_code, answer.json["detail"]) == (413, "The body is larger than 100 bytes.")


def test_a_length_of_thousands_of_digits_is_over_the_limit(client):
    environ = {"CONTENT_LENGTH": "9" * 5000}
    answer = client.post("/score", input_stream=io.BytesIO(BODY), content_type="application/json", environ_overrides=environ)
    assert answer.status_code == 413


def test_a_body_of_just_the_limit_is_taken(make_client):
    client = make_client(max_body_bytes=str(len(BODY)))
    assert client.post("/score", data=BODY, content_type="application/json").status_code == 200


def test_a_body_cut_short_is_refused_even_where_what_came_is_json(client):
    environ = {"CONTENT_LENGTH": str(len(BODY) + 1)}
    answer = client.post("/score", input_stream=io.BytesIO(BODY), content_type="application/json", environ_overrides=environ)
    assert (answer.status_code, answer.json["detail"]) == (400, "The body ended before its Content-Length.")


def test_the_batch_limit_is_a_setting(make_client):
    orders = [{"order_id": str(n), "route_disruption": 2, "backlog": 3, "weather_severity": 1} for n in range(4)]
    client = make_client(max_orders="3")
    assert client.post("/score", json={"orders": orders[:3]}).status_code == 200
    answer = client.post("/score", json={"orders": orders})
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [("/orders", "too_many_orders")]
