import gzip
import io
import json
import random
import tracemalloc
import zlib

import pytest

from schemas.formats.table import MEDIA_TYPES
from service.web import request_body
from service.web.errors import Problem
from tests.facts import FEATURES, ORDER

BODY = json.dumps({"orders": [ORDER]}).encode()
GZIP = gzip.compress(BODY)


class NotRead(io.BytesIO):
    """A body that must not be read."""

    def read(self, *_):
        raise AssertionError("read")


def send(client, data, coding=None, *, stream=None, **environ):
    """Post JSON with a Content-Encoding and these variables of the WSGI environ."""
    given = {"CONTENT_LENGTH": str(len(data)), **environ}
    given |= {} if coding is None else {"HTTP_CONTENT_ENCODING": coding}
    body = io.BytesIO(data) if stream is None else stream
    return client.post("/score", input_stream=body, content_type="application/json", environ_overrides=given)


CHARSETS = ["", "; charset=utf-8", ';charset="UTF-8"', "; Charset=Utf8", "; header=present; charset=utf-8", "; charset="]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("kind", ["application/json", "Application/JSON"])
def test_utf_8_is_accepted_with_or_without_its_name(client, kind, charset):
    assert client.post("/score", data=BODY, content_type=kind + charset).status_code == 200


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "windows-1252", "us-ascii", "utf-8-sig", "utf-88", '"Latin1"'])
@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_another_charset_is_rejected_before_the_body_is_read(client, kind, charset):
    answer = client.post("/score", input_stream=NotRead(), content_type=f"{kind}; charset={charset}")
    assert (answer.status_code, answer.json["detail"]) == (415, "The charset of the Content-Type must be utf-8, or none.")


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonl", "x"])
def test_another_media_type_or_none_is_rejected(client, kind):
    answer = client.post("/score", data=BODY, content_type=kind)
    assert (answer.status_code, answer.json["detail"]) == (415, f"Content-Type must be one of {', '.join(MEDIA_TYPES)}.")


def test_a_post_of_nothing_is_answered_with_all_that_is_missing(client):
    answer = client.post("/score")
    expected = f"Content-Type must be one of {', '.join(MEDIA_TYPES)}. {request_body.NO_BODY}"
    assert (answer.status_code, answer.json["detail"]) == (415, expected)


CODINGS = [("gzip", GZIP), ("deflate", zlib.compress(BODY)), ("identity", BODY), ("", BODY), ("x-gzip", GZIP)]


@pytest.mark.parametrize(("coding", "data"), [*CODINGS, ("gzip ", GZIP), (", gzip", GZIP), ("identity, gzip", GZIP)])
def test_a_compressed_body_is_scored_as_the_same_body(client, coding, data):
    plain = send(client, BODY)
    for name in (coding, coding.upper()):
        answer = send(client, data, name)
        assert (answer.status_code, answer.data) == (200, plain.data)


@pytest.mark.parametrize("coding", ["br", "zstd", "x-deflate", "gzip, gzip", "gzip,deflate", "gzip, x-gzip", "gzip;q=1", "*"])
def test_another_coding_or_several_are_rejected_with_the_supported_ones(client, coding):
    answer = send(client, gzip.compress(GZIP), coding)
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, deflate")


DAMAGED = {
    "cut short by its last byte": (GZIP[:-1], "is cut short"),
    "cut in the middle": (GZIP[:40], "is cut short"),
    "a head alone": (GZIP[:10], "is cut short"),
    "a byte behind it": (GZIP + b"\n", "continues after the end"),
    "a second member": (GZIP * 2, "continues after the end"),
    "much behind it": (GZIP + bytes(200_000), "continues after the end"),
    "a checksum that differs": (GZIP[:-8] + bytes(4) + GZIP[-4:], "not valid"),
    "a length that differs": (GZIP[:-4] + bytes(4), "not valid"),
    "zlib": (zlib.compress(BODY), "not valid"),
    "plain": (BODY, "not valid"),
}


@pytest.mark.parametrize(("data", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_gzip_body_is_rejected(client, data, reason):
    answer = send(client, data, "gzip")
    assert answer.status_code == 400
    assert reason in answer.json["detail"]


@pytest.mark.parametrize("data", [GZIP, zlib.compress(BODY, wbits=-15), zlib.compress(BODY)[:-1], BODY])
def test_a_deflate_body_is_a_complete_zlib_stream_as_the_rfc_says(client, data):
    assert send(client, data, "deflate").status_code == 400


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("size", [1000, 64 * 1024, 200_000])
@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_the_limit_holds_for_the_inflated_body_to_the_byte(make_client, coding, compress, size, more):
    answer = send(make_client(max_body_bytes=str(size)), compress(BODY.ljust(size + more)), coding)
    assert answer.status_code == (413 if more else 200)
    if more:
        assert answer.json["detail"] == f"The body is larger than {size} bytes once it is inflated."


def environ_of(data, coding):
    return {"HTTP_CONTENT_ENCODING": coding, "CONTENT_LENGTH": str(len(data)), "wsgi.input": io.BytesIO(data)}


def test_content_that_cannot_be_compressed_is_inflated_completely():
    content = random.Random(1).randbytes(1_000_000)
    assert request_body.read(environ_of(gzip.compress(content, 1), "gzip"), 2**20) == content


def test_a_decompression_bomb_takes_at_most_twice_the_limit_of_memory():
    bomb, limit = zlib.compress(bytes(64 * 2**20), 9), 2**20
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as caught:
            request_body.read(environ_of(bomb, "deflate"), limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 2 * limit + 2**19


def test_a_connection_that_breaks_within_the_body_is_no_fault_of_the_service(client):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise ConnectionResetError

    assert send(client, BODY, stream=Broken()).status_code == 400


LARGEST = 10_000 * (600 + sum(len(name) + 32 for name in FEATURES))
LENGTHS = [
    *[(length, {}, 400, "The Content-Length is not a number.") for length in ("-1", "1.5", "x", "+5", "５")],
    ("", {}, 411, request_body.NO_BODY),
    ("0", {}, 400, request_body.NO_BODY),
    (None, {"HTTP_TRANSFER_ENCODING": "chunked"}, 411, "The body needs a Content-Length and must not be chunked."),
    ("9" * 5000, {}, 413, f"The body is larger than {LARGEST} bytes."),
    (str(LARGEST + 1), {}, 413, f"The body is larger than {LARGEST} bytes."),
]


@pytest.mark.parametrize(("length", "others", "status", "detail"), LENGTHS)
def test_a_missing_invalid_or_too_large_length_is_rejected_without_reading_the_body(client, length, others, status, detail):
    answer = send(client, BODY, stream=NotRead(), CONTENT_LENGTH=length, **others)
    assert (answer.status_code, answer.json["detail"]) == (status, detail)


def test_a_body_of_exactly_the_limit_is_accepted(make_client):
    for limit, status in ((len(BODY), 200), (len(BODY) - 1, 413)):
        assert send(make_client(max_body_bytes=str(limit)), BODY).status_code == status


def test_a_body_cut_short_is_rejected_even_if_the_rest_is_valid_json(client):
    answer = send(client, BODY, CONTENT_LENGTH=str(len(BODY) + 1))
    assert (answer.status_code, answer.json["detail"]) == (400, "The body ended before its Content-Length.")


def test_the_batch_limit_is_a_setting(make_client):
    orders = [{"order_id": str(n), "route_disruption": 2, "backlog": 3, "weather_severity": 1} for n in range(4)]
    client = make_client(max_orders="3")
    assert client.post("/score", json={"orders": orders[:3]}).status_code == 200
    for sent, pointer in (
        ({"orders": orders}, "/orders"),
        ({"order_ids": list("abcd"), "columns": {name: [1] * 4 for name in FEATURES}}, "/order_ids"),
        (f"order_id,{','.join(FEATURES)}\n" + "a,1,1,1\n" * 4, ""),
    ):
        kind = {"data": sent, "content_type": "text/csv"} if isinstance(sent, str) else {"json": sent}
        (error,) = client.post("/score", **kind).json["errors"]
        assert (error["pointer"], error["code"]) == (pointer, "too_many_orders")
        assert error["detail"] == "has more orders than a batch may have (at most 3)"
