import gzip
import io
import json
import random
import tracemalloc
import zlib

import pytest

from service.web import request_body
from service.web.errors import Problem

BODY = json.dumps({"orders": [{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}]}).encode()


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_taken_with_or_without_a_charset(client, kind):
    assert client.post("/score", data=BODY, content_type=kind).status_code == 200


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonl", "x"])
def test_another_media_type_or_none_is_refused(client, kind):
    answer = client.post("/score", data=BODY, content_type=kind)
    assert (answer.status_code, answer.json["detail"]) == (415, "Content-Type must be application/json or text/csv.")


def encoded(client, data, coding):
    return client.post("/score", data=data, content_type="application/json", headers={"Content-Encoding": coding})


@pytest.mark.parametrize(
    ("coding", "data"), [("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY)), ("identity", BODY)]
)
def test_a_body_may_come_in_a_coding_and_means_the_same(client, coding, data):
    plain = client.post("/score", data=BODY, content_type="application/json")
    for name in (coding, coding.upper()):
        answer = encoded(client, data, name)
        assert (answer.status_code, answer.data) == (200, plain.data)


@pytest.mark.parametrize("coding", ["br", "zstd", "x-gzip", "gzip, gzip", "gzip,deflate", "identity, gzip", "gzip ", "", "*"])
def test_another_coding_or_several_are_refused_with_what_is_taken(client, coding):
    answer = encoded(client, gzip.compress(gzip.compress(BODY)), coding)
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, deflate")


DAMAGED = {
    "nothing": (b"", "ended before its end"),
    "cut short by its last byte": (gzip.compress(BODY)[:-1], "ended before its end"),
    "cut in the middle": (gzip.compress(BODY)[:40], "ended before its end"),
    "a head alone": (gzip.compress(BODY)[:10], "ended before its end"),
    "a byte behind it": (gzip.compress(BODY) + b"\n", "goes on after the end"),
    "a second member": (gzip.compress(BODY) * 2, "goes on after the end"),
    "much behind it": (gzip.compress(BODY) + bytes(200_000), "goes on after the end"),
    "a checksum that differs": (gzip.compress(BODY)[:-8] + bytes(4) + gzip.compress(BODY)[-4:], "not sound"),
    "a length that differs": (gzip.compress(BODY)[:-4] + bytes(4), "not sound"),
    "zlib": (zlib.compress(BODY), "not sound"),
    "plain": (BODY, "not sound"),
}


@pytest.mark.parametrize(("data", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_gzip_body_is_refused(client, data, said):
    environ = {"CONTENT_LENGTH": str(len(data)), "HTTP_CONTENT_ENCODING": "gzip"}
    answer = client.post("/score", data=data, content_type="application/json", environ_overrides=environ)
    assert answer.status_code == 400
    assert said in answer.json["detail"]


@pytest.mark.parametrize("data", [gzip.compress(BODY), zlib.compress(BODY, wbits=-15), zlib.compress(BODY)[:-1], BODY])
def test_deflate_is_what_the_rfc_says_a_whole_zlib_stream(client, data):
    assert encoded(client, data, "deflate").status_code == 400


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("size", [1000, 64 * 1024, 200_000])
@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_the_limit_holds_for_the_inflated_body_to_the_byte(make_client, coding, compress, size, more):
    data = compress(BODY.ljust(size + more))
    answer = encoded(make_client(max_body_bytes=str(size)), data, coding)
    assert answer.status_code == (413 if more else 200)
    if more:
        assert answer.json["detail"] == f"The body is larger than {size} bytes once it is inflated."


def test_what_cannot_be_compressed_comes_through_whole():
    content = random.Random(1).randbytes(1_000_000)
    data = gzip.compress(content, 1)
    assert (
        request_body.read(
            {"HTTP_CONTENT_ENCODING": "gzip", "CONTENT_LENGTH": str(len(data)), "wsgi.input": io.BytesIO(data)}, 2**20
        )
        == content
    )


def test_a_bomb_costs_no_more_memory_than_the_limit():
    bomb, limit = zlib.compress(bytes(64 * 2**20), 9), 2**20
    environ = {"HTTP_CONTENT_ENCODING": "deflate", "CONTENT_LENGTH": str(len(bomb)), "wsgi.input": io.BytesIO(bomb)}
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as caught:
            request_body.read(environ, limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < limit + 2**19


def test_a_connection_that_breaks_within_the_body_is_no_fault_of_the_service(client):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise ConnectionResetError

    environ = {"CONTENT_LENGTH": str(len(BODY))}
    answer = client.post("/score", input_stream=Broken(), content_type="application/json", environ_overrides=environ)
    assert answer.status_code == 400


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
    for sent, place in (
        ({"orders": orders}, "/orders"),
        ({"order_ids": list("abcd"), "columns": {name: [1] * 4 for name in list(orders[0])[1:]}}, "/order_ids"),
        ("order_id,route_disruption,backlog,weather_severity\n" + "a,1,1,1\n" * 4, ""),
    ):
        kind = {"data": sent, "content_type": "text/csv"} if isinstance(sent, str) else {"json": sent}
        (error,) = client.post("/score", **kind).json["errors"]
        assert (error["pointer"], error["code"]) == (place, "too_many_orders")
        assert error["detail"] == "holds more orders than a batch may have (at most 3)"
