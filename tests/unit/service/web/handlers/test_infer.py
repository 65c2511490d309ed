"""POST /v2/…/infer: tensors in, the same scores out as from /score, in JSON and in binary."""

import csv
import gzip
import io
import json
import random
import struct
import tracemalloc
import zlib

import msgspec
import numpy as np
import pytest

from model.artifact import model_file
from model.core.manifest import Context
from schemas.decision_record import loads
from service.decisions.order_decisions import find
from tests.apps import samples, service_of
from tests.facts import FEATURES, ORDERS, SCORES
from tests.raw_orders import ORDERS as RAW_ORDERS
from tests.raw_orders import raw_model

MODEL = "/v2/models/delivery-risk"
PATH = f"{MODEL}/infer"
LENGTH = "Inference-Header-Content-Length"
ROWS = [[float(order[name]) for name in FEATURES] for order in ORDERS]
DTYPES = {"FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT8": "<i1", "UINT16": "<u2", "BOOL": "?"}


def texts(values):
    return b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in values)


def column(name, values, datatype="FP64", shape=None, binary=False, **more):
    """An input and the bytes that follow the JSON for it."""
    described = {"name": name, "shape": shape or [len(values)], "datatype": datatype, **more}
    if not binary:
        return {**described, "data": values}, b""
    raw = texts(values) if datatype == "BYTES" else np.array(values, DTYPES[datatype]).tobytes()
    return {**described, "parameters": {"binary_data_size": len(raw), **more.get("parameters", {})}}, raw


def matrix(rows=ROWS, datatype="FP64", binary=False, **more):
    return column("orders", [value for row in rows for value in row], datatype, [len(rows), len(FEATURES)], binary, **more)


def post(client, *inputs, path=PATH, headers=None, tail=b"", **members):
    head = json.dumps({"inputs": [each for each, _ in inputs], **members}).encode()
    raw = b"".join(raw for _, raw in inputs)
    length = {LENGTH: str(len(head))} if raw or any("binary_data_size" in str(each) for each, _ in inputs) else {}
    return client.post(path, data=head + raw + tail, headers={**length, **(headers or {})})


def outputs(answer):
    """The elements of each output of a success, all of which is read."""
    assert answer.status_code == 200, answer.text
    length = answer.headers.get(LENGTH)
    head = json.loads(answer.data[: None if length is None else int(length)])
    rest = b"" if length is None else answer.data[int(length) :]
    found = {}
    for each in head["outputs"]:
        size = each.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[each["name"]] = each["data"]
        else:
            found[each["name"]] = np.frombuffer(rest[:size], DTYPES[each["datatype"]]).tolist()
            rest = rest[size:]
    assert rest == b""
    return found


def error(answer, status=400):
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert isinstance(answer.json["error"], str)
    return answer.json


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("count", [1, 2, 33, 1000])
def test_the_scores_have_the_same_bits_in_all_formats(client, binary, count):
    draw = random.Random(count)
    rows = [[draw.uniform(-1, 12) for _ in FEATURES] for _ in range(count)]
    orders = [{"order_id": f"O-{at}", **dict(zip(FEATURES, row, strict=True))} for at, row in enumerate(rows)]
    by_name = {name: [row[at] for row in rows] for at, name in enumerate(FEATURES)}
    records = client.post("/score", json={"orders": orders}).json["results"]
    expected = [each["score"] for each in records]
    columns = client.post("/score", json={"order_ids": [each["order_id"] for each in orders], "columns": by_name})
    assert columns.json["scores"] == expected
    lines = [",".join(("order_id", *FEATURES)), *(",".join(map(str, each.values())) for each in orders)]
    answer = client.post("/score", data="\n".join(lines), content_type="text/csv")
    assert [float(each["score"]) for each in csv.DictReader(io.StringIO(answer.text))] == expected
    found = [outputs(post(client, matrix(rows, binary=binary)))]
    found.append(outputs(post(client, *(column(name, by_name[name], binary=binary) for name in reversed(FEATURES)))))
    found.append(outputs(post(client, *(column(name, by_name[name], shape=[count, 1], binary=binary) for name in FEATURES))))
    review = [each["queue"] == "review" for each in records]
    assert found == [{"score": expected, "review": review}] * 3
    v1 = client.post("/v1/models/delivery-risk:predict", json={"instances": rows}).json
    assert (v1["predictions"], v1["review"]) == (expected, review)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64", "INT8", "UINT16"])
def test_numbers_of_every_datatype_are_read(client, datatype, binary):
    assert outputs(post(client, matrix(datatype=datatype, binary=binary)))["score"] == SCORES
    assert outputs(post(client, matrix([[int(x) for x in row] for row in ROWS], datatype, binary)))["score"] == SCORES


def test_halves_are_binary_alone(client):
    assert outputs(post(client, matrix(datatype="FP16", binary=True)))["score"] == SCORES
    assert error(post(client, matrix(datatype="FP16")))["errors"][0]["code"] == "wrong_datatype"


@pytest.mark.parametrize("wish", [None, True, False])
def test_an_output_is_binary_where_it_or_the_request_says_so(client, wish):
    names = ("contribution", "rank", "logit", "review", "score")
    asked = [{"name": name, **({} if wish is None else {"parameters": {"binary_data": wish}})} for name in names]
    plain = outputs(post(client, matrix(), outputs=asked))
    answer = post(client, matrix(), outputs=asked, parameters={"binary_data_output": True})
    assert (LENGTH in answer.headers) == (wish is not False)
    assert answer.content_type == ("application/json" if wish is False else "application/octet-stream")
    assert outputs(answer) == plain
    assert list(plain) == list(names)
    explained = client.post("/score?explain=all&review_top=1", json={"orders": ORDERS}).json["results"]
    assert plain["score"] == SCORES
    assert plain["rank"] == [each["rank"] for each in explained]
    assert plain["logit"] == [each["explanation"]["logit"] for each in explained]
    assert plain["contribution"] == [each["explanation"]["contributions"][name] for each in explained for name in FEATURES]


def test_a_mixture_of_binary_and_json_is_read_and_answered(client):
    given = [column(name, [row[at] for row in ROWS], binary=at != 1) for at, name in enumerate(FEATURES)]
    wanted = [{"name": "score", "parameters": {"binary_data": True}}, {"name": "review"}]
    assert outputs(post(client, *given, outputs=wanted)) == {"score": SCORES, "review": [False, True, True]}


def test_the_first_orders_go_to_review_where_the_request_says_how_many(client):
    found = post(client, matrix(), parameters={"review_top": 1}, outputs=[{"name": "review"}, {"name": "rank"}])
    assert outputs(found) == {"review": [False, True, False], "rank": [3, 1, 2]}
    assert found.json["parameters"]["review_top"] == 1


def test_a_body_of_numbers_alone_is_a_matrix_and_answered_in_binary(client):
    answer = client.post(PATH, data=np.array(ROWS).tobytes(), headers={LENGTH: "0"})
    assert answer.content_type == "application/octet-stream"
    assert outputs(answer)["score"] == SCORES
    short = client.post(PATH, data=np.array(ROWS).tobytes()[:-8], headers={LENGTH: "0"})
    assert "[n, 3]" in error(short)["error"]


@pytest.mark.parametrize("given", [matrix([]), matrix([], binary=True), ({**matrix([])[0], "data": None}, b"")])
def test_no_orders_are_answered_with_no_scores_and_no_decision(make_client, tmp_path, given):
    client = make_client(decision_log=str(tmp_path))
    for names in (("score", "review"), ("contribution", "rank", "logit")):
        answer = post(client, given, outputs=[{"name": name} for name in names])
        assert outputs(answer) == {name: [] for name in names}
        assert "decision_id" not in answer.json["parameters"]
    assert [path.read_bytes() for path in tmp_path.iterdir() if path.stat().st_size] == []


def test_the_id_is_answered_and_made_where_there_is_none(client):
    assert post(client, matrix(), id="asked-7").json["id"] == "asked-7"
    for members in ({}, {"id": None}, {"id": ""}):
        answer = post(client, matrix(), **members)
        assert answer.json["id"] == answer.headers["X-Request-ID"]


def test_what_clients_add_is_ignored(client):
    ours = {"model_name": "x", "model_version": "y", "priority": 3, "colour": [{}]}
    assert outputs(post(client, matrix(), **ours))["score"] == SCORES
    harmless = {"priority": 3, "timeout": 5, "content_type": "np"}
    assert outputs(post(client, matrix(parameters={"content_type": "np"}), parameters=harmless))["score"] == SCORES


BACKLOG = column("backlog", [1.0, 2.0])
OTHERS = [column(name, [1.0, 2.0]) for name in FEATURES if name != "backlog"]


def columns(*backlog):
    return [*OTHERS, *backlog]


def described(**changed):
    """The tensor with these members of its description changed."""
    return [({**BACKLOG[0], **changed}, b"")]


REJECTED = {
    "unknown input": (columns(BACKLOG, column("colour", [1.0, 2.0])), {}, "unknown_name", "colour"),
    "missing input": (columns(), {}, "missing", "backlog"),
    "repeated input": (columns(BACKLOG, BACKLOG), {}, "duplicate_key", "backlog"),
    "matrix and column": ([matrix([[1.0] * 3] * 2), BACKLOG], {}, "duplicate_key", "backlog"),
    "fewer rows": (columns(column("backlog", [1.0])), {}, "wrong_shape", "backlog"),
    "two columns": (columns(*described(shape=[1, 2])), {}, "wrong_shape", "backlog"),
    "three dimensions": (columns(*described(shape=[2, 1, 1])), {}, "wrong_shape", "backlog"),
    "no dimension": (columns(*described(shape=[])), {}, "wrong_shape", "backlog"),
    "a negative dimension": (columns(*described(shape=[-1])), {}, "wrong_shape", "backlog"),
    "a matrix of two columns": ([column("orders", [1.0, 2.0], shape=[1, 2])], {}, "wrong_shape", "orders"),
    "text": (columns(column("backlog", ["1", "2"], "BYTES")), {}, "wrong_datatype", "backlog"),
    "truth": (columns(column("backlog", [True, False], "BOOL")), {}, "wrong_datatype", "backlog"),
    "BF16": (columns(*described(datatype="BF16")), {}, "wrong_datatype", "backlog"),
    "a fraction as an integer": (columns(column("backlog", [1.0, 1.5], "INT8")), {}, "wrong_datatype", "backlog"),
    "a large INT8": (columns(column("backlog", [1, 128], "INT8")), {}, "wrong_datatype", "backlog"),
    "a negative UINT16": (columns(column("backlog", [1, -1], "UINT16")), {}, "wrong_datatype", "backlog"),
    "a large INT64": (columns(column("backlog", [1, 2**63], "INT64")), {}, "wrong_datatype", "backlog"),
    "fewer elements": (columns(*described(data=[1.0])), {}, "wrong_size", "backlog"),
    "nested otherwise": (columns(*described(data=[[1.0], [2.0]])), {}, "wrong_size", "backlog"),
    "no data": (columns(*described(data=None)), {}, "wrong_size", "backlog"),
    "both data": (columns(({**BACKLOG[0], "parameters": {"binary_data_size": 16}}, bytes(16))), {}, "wrong_size", "backlog"),
    "fewer bytes": (
        columns(({**column("backlog", [1.0], binary=True)[0], "shape": [2]}, bytes(8))),
        {},
        "wrong_size",
        "backlog",
    ),
    "text in a number": (columns(*described(data=[1.0, "2"])), {}, "not_a_number", "backlog"),
    "truth in a number": (columns(*described(data=[1.0, True])), {}, "not_a_number", "backlog"),
    "null": (columns(*described(data=[1.0, None])), {}, "null", "backlog"),
    "NaN": (columns(*described(data=[1.0, float("nan")])), {}, "not_finite", "backlog"),
    "binary NaN": (columns(column("backlog", [1.0, float("nan")], binary=True)), {}, "not_finite", "backlog"),
    "infinity": (columns(column("backlog", [1.0, float("inf")], binary=True)), {}, "not_finite", "backlog"),
    "repeated id": ([matrix(), column("order_id", ["A", "A", "B"], "BYTES")], {}, "duplicate_order_id", "order_id"),
    "empty id": ([matrix(), column("order_id", ["A", "", "B"], "BYTES", binary=True)], {}, "null", "order_id"),
    "id as a number": ([matrix(), column("order_id", [1, 2, 3], "INT64")], {}, "wrong_datatype", "order_id"),
    "unknown output": ([matrix()], {"outputs": [{"name": "colour"}]}, "unknown_name", "outputs/colour"),
    "repeated output": ([matrix()], {"outputs": [{"name": "score"}] * 2}, "duplicate_key", "outputs/score"),
    "classification": (
        [matrix()],
        {"outputs": [{"name": "score", "parameters": {"classification": 2}}]},
        "unknown_parameter",
        "outputs/score/parameters/classification",
    ),
    "sequence": ([matrix()], {"parameters": {"sequence_id": 7}}, "unknown_parameter", "parameters/sequence_id"),
    "shared memory": (
        [matrix(parameters={"shared_memory_region": "x"})],
        {},
        "unknown_parameter",
        "orders/parameters/shared_memory_region",
    ),
    "a wish that is no truth": (
        [matrix()],
        {"parameters": {"binary_data_output": 1}},
        "invalid_parameter",
        "binary_data_output",
    ),
    "too many to review": ([matrix()], {"parameters": {"review_top": 10_001}}, "invalid_parameter", "parameters/review_top"),
    "no context": ([matrix()], {"parameters": {"review_top": 1, "by": "lane"}}, "invalid_parameter", "parameters/by"),
    "too many": ([matrix([[1.0] * 3] * 10_001, binary=True)], {}, "too_many_orders", ""),
}


@pytest.mark.parametrize("case", REJECTED)
def test_what_is_wrong_is_named_and_nothing_is_scored(client, case):
    inputs, members, code, field = REJECTED[case]
    found = error(post(client, *inputs, **members))
    assert code in [each["code"] for each in found["errors"] if each.get("field", "").endswith(field)], found
    assert field in found["error"]
    assert found["error_count"] == len(found["errors"])
    assert samples(client).get('delivery_risk_score_count{model_version="1.0.0"}', 0) == 0


def test_all_faults_are_listed_at_once(client):
    found = error(post(client, column("backlog", [1.0, 2.0], parameters={"sequence_id": 1}), column("x", [1.0])))
    codes = {(each["field"], each["code"]) for each in found["errors"]}
    assert codes == {
        ("backlog/parameters/sequence_id", "unknown_parameter"),
        ("route_disruption", "missing"),
        ("weather_severity", "missing"),
        ("x", "unknown_name"),
    }
    rows = error(post(client, *columns(column("backlog", [None, "2"]))))["errors"]
    assert [(each["row"], each["field"], each["code"]) for each in rows] == [
        (0, "backlog", "null"),
        (1, "backlog", "not_a_number"),
    ]


VALID = b'"inputs":[{"name":"orders","shape":[1,3],"datatype":"FP64","data":[1,2,3]}]}'
MALFORMED = {
    "not JSON": (b"{", {}),
    "no object": (b"[]", {}),
    "no inputs": (b"{}", {}),
    "not UTF-8": (b'{"inputs":[],"id":"\xff"}', {}),
    "half of a surrogate": (b'{"inputs":[],"id":"\\ud800"}', {}),
    "deep": (b'{"inputs":' + b"[" * 5000, {}),
    "a header over the end": (b"{}", {LENGTH: "3"}),
    "a header that is no number": (b"{}", {LENGTH: "-1"}),
    "a repeated member": (b'{"id":"a","id":"b",' + VALID, {}),
    "a repeated member and an escaped colon": (rb'{"id":"\u003a","id":"\u003a",' + VALID, {}),
    "a repeated parameter": (b'{"parameters":{"timeout":1,"timeout":2},' + VALID, {}),
    "a repeated member of an input": (b"{" + VALID.replace(b'"data"', b'"data":[9,9,9],"data"'), {}),
    "an unknown member of an input": (b'{"inputs":[{"name":"a","shape":[1],"datatype":"FP64","data":[1],"colour":1}]}', {}),
    "a shape of floats": (b'{"inputs":[{"name":"a","shape":[1.0],"datatype":"FP64","data":[1]}]}', {}),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_body_that_can_be_read_in_no_way_or_in_two_is_malformed(client, case):
    content, headers = MALFORMED[case]
    assert error(client.post(PATH, data=content, headers=headers))["code"] == "bad-request"


def test_bytes_that_no_tensor_has_are_rejected(client):
    given = matrix(binary=True)
    assert "continues" in error(post(client, given, tail=b"\0"))["error"]
    assert "ends before" in error(post(client, (given[0], given[1][:-1])))["error"]


HOSTILE = {
    "tensors": b'{"inputs":[' + b",".join([b'{"name":"","shape":[],"datatype":""}'] * 150_000) + b"]}",
    "lists": b'{"inputs":[{"name":"orders","shape":[1,3],"datatype":"FP64","data":[' + b"[]," * 2_000_000 + b"[]]}]}",
    "levels": b'{"inputs":' + b"[" * 6_000_000,
    "parameters": b'{"inputs":[],"parameters":{' + b",".join(b'"%d":1' % each for each in range(500_000)) + b"}}",
    "numbers": b'{"inputs":[{"name":"orders","shape":[1,3],"datatype":"FP64","data":[' + b"1," * 3_000_000 + b"1]}]}",
    "other members": b'{"x":[' + b"{}," * 2_000_000 + b'{}],"inputs":[]}',
}


@pytest.mark.parametrize("case", HOSTILE)
def test_little_is_built_of_a_body_with_more_than_the_largest_batch_can_need(client, case):
    tracemalloc.start()
    try:
        assert error(client.post(PATH, data=HOSTILE[case]))["code"] in ("bad-request", "invalid-batch")
        assert tracemalloc.get_traced_memory()[1] < 4 * len(HOSTILE[case])
    finally:
        tracemalloc.stop()


def test_nothing_is_built_of_the_bytes_of_more_orders_than_a_batch_may_have(client):
    count, size = 900_000, 7 * 900_000
    ids = {"name": "order_id", "shape": [count], "datatype": "BYTES", "parameters": {"binary_data_size": 4 * count}}
    orders = {"name": "orders", "shape": [count, 3], "datatype": "INT8", "parameters": {"binary_data_size": 3 * count}}
    tracemalloc.start()
    try:
        found = error(post(client, (ids, bytes(4 * count)), (orders, bytes(3 * count))))
        assert tracemalloc.get_traced_memory()[1] < 6 * size
    finally:
        tracemalloc.stop()
    assert [each["code"] for each in found["errors"]] == ["too_many_orders"]


@pytest.mark.parametrize(("coding", "inflate"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_a_success_is_compressed_where_that_is_asked_for_and_nothing_else(client, coding, inflate):
    many, accepted = matrix([[1.0, 2.0, 3.0]] * 500, binary=True), {"Accept-Encoding": f"br, {coding};q=0.5"}
    plain = post(client, many)
    assert "Content-Encoding" not in plain.headers
    answer = post(client, many, headers=accepted)
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == (coding, "Accept-Encoding")
    assert json.loads(inflate(answer.data))["outputs"] == plain.json["outputs"]
    for given in ("", "identity", "br", f"{coding};q=0", "*"):
        assert "Content-Encoding" not in post(client, many, headers={"Accept-Encoding": given}).headers
    assert "Content-Encoding" not in post(client, matrix([[None] * 3] * 500), headers=accepted).headers
    assert "Content-Encoding" not in client.get("/v2", headers=accepted).headers


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_request_is_read(client, coding, compress):
    described, raw = matrix(binary=True)
    head = json.dumps({"inputs": [described]}).encode()
    answer = client.post(PATH, data=compress(head + raw), headers={LENGTH: str(len(head)), "Content-Encoding": coding})
    assert outputs(answer)["score"] == SCORES
    unknown = client.post(PATH, data=head, headers={"Content-Encoding": "br"})
    assert error(unknown, 415)["code"] == "unsupported-media-type"


CONTEXT = Context("lane", ("north", "south"))


@pytest.fixture
def raw_client(make_client, tmp_path):
    model_file.write(raw_model(context=(CONTEXT,), also_accepts=("promised_at",)), tmp_path / "raw.npz")
    (tmp_path / "log").mkdir()
    return make_client(model=str(tmp_path / "raw.npz"), decision_log=str(tmp_path / "log"))


@pytest.mark.parametrize("binary", [False, True])
def test_gaps_categories_and_contexts_are_those_of_score(raw_client, tmp_path, binary):
    orders = [{**order, "lane": lane} for order, lane in zip(RAW_ORDERS, ("north", None, "ü:x", "south"), strict=True)]
    expected = raw_client.post("/score", json={"orders": orders}).json["results"]

    def of(name, datatype, gap):
        values = [gap if order.get(name) is None else order[name] for order in orders]
        return column(name, values, datatype, binary=binary)

    given = [of(name, "FP64", float("nan")) for name in ("backlog", "distance", "month")]
    given += [of(name, "BYTES", "") for name in ("carrier", "depot", "size", "lane", "order_id")]
    given.append(column("promised_at", ["x"], "BYTES", binary=binary))
    found = outputs(post(raw_client, *given, path="/v2/models/raw/infer"))
    assert found["score"] == [each["score"] for each in expected]
    assert found["review"] == [each["queue"] == "review" for each in expected]
    files = [path for path in (tmp_path / "log").iterdir() if path.name.startswith("decisions-")]
    records = [loads(line) for path in files for line in path.read_bytes().splitlines()]
    assert len(records) == 2
    for name in ("order_ids", "values", "logits", "scores", "queues", "context", "imputed", "unknown", "out_of_range"):
        assert getattr(records[0], name) == getattr(records[1], name), name


def test_a_null_and_a_tensor_that_is_left_out_are_gaps_too(raw_client):
    orders = [{name: value for name, value in order.items() if name not in ("depot", "size")} for order in RAW_ORDERS]
    expected = [each["score"] for each in raw_client.post("/score", json={"orders": orders}).json["results"]]
    given = [
        column(name, [order.get(name) for order in orders], "BYTES" if name == "carrier" else "FP64")
        for name in ("backlog", "distance", "month", "carrier")
    ]
    assert outputs(post(raw_client, *given, path="/v2/models/raw/infer"))["score"] == expected
    no_matrix = post(raw_client, column("orders", [1.0] * 6, shape=[1, 6]), path="/v2/models/raw/infer")
    assert ("orders", "unknown_name") in {(each["field"], each["code"]) for each in error(no_matrix)["errors"]}


def test_a_text_that_is_not_utf8_is_a_fault_of_its_row(raw_client):
    given = [column(name, [1.0], binary=True) for name in ("distance", "month")]
    carrier, raw = column("carrier", ["AA"], "BYTES", binary=True)
    found = error(post(raw_client, *given, (carrier, raw.replace(b"AA", b"\xff\xff")), path="/v2/models/raw/infer"))
    assert [(each["row"], each["field"], each["code"]) for each in found["errors"]] == [(0, "carrier", "not_a_string")]


def test_orders_without_ids_get_the_numbers_of_their_rows_by_which_nothing_is_found(tmp_path):
    client = service_of(decision_log=str(tmp_path)).app.test_client()
    post(client, matrix())
    post(client, matrix(), column("order_id", ["0", "1", "2"], "BYTES"))
    (path,) = [each for each in tmp_path.iterdir() if each.name.startswith("decisions-")]
    first, second = map(loads, path.read_bytes().splitlines())
    assert (first.order_ids, first.generated_ids) == (second.order_ids, True)
    assert (second.order_ids, second.generated_ids) == (["0", "1", "2"], False)
    found, _ = find([path], "0")
    assert [each.decision_id for each in found] == [second.decision_id]
    assert "generated_ids" not in msgspec.json.decode(path.read_bytes().splitlines()[1])


def test_a_holdout_leaves_orders_without_ids_alone(tmp_path):
    (tmp_path / "key").write_bytes(b"k" * 16)
    client = service_of(holdout="0.2", holdout_key_file=str(tmp_path / "key")).app.test_client()
    many = matrix([ROWS[1]] * 100)
    assert all(outputs(post(client, many))["review"])
    held = outputs(post(client, many, column("order_id", list(map(str, range(100))), "BYTES")))["review"]
    assert 0 < sum(held) < 100


def test_the_requests_are_counted_by_the_template_of_their_route(client):
    post(client, matrix())
    post(client, matrix(), path=PATH.replace("-", "%2D"))
    post(client, matrix(), path=f"{MODEL}/versions/1.0.0/infer")
    post(client, matrix(), path="/v2/models/another/infer")
    counted = {
        name: value
        for name, value in samples(client).items()
        if name.startswith("http_request_duration_seconds_count") and value
    }
    template = 'http_request_duration_seconds_count{method="POST",route="/v2/models/<model>%s",status="%s"}'
    assert counted == {
        template % ("/infer", "200"): 2,
        template % ("/infer", "404"): 1,
        template % ("/versions/<version>/infer", "200"): 1,
    }
