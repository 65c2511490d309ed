"""What is likely meant, in the detail of an error: how to send an order, and the name of the model."""

import gzip
import json

import pytest

from schemas.faults import MalformedBody, error_list
from schemas.formats.table import CSV, FORMATS, JSON, BatchDecoder, RequestBody
from schemas.validation import BatchValidator
from tests.facts import FEATURES, INPUTS, ORDER
from tests.raw_orders import INPUTS as RAW_INPUTS
from tests.raw_orders import ORDERS as RAW_ORDERS

DECODER = BatchDecoder(BatchValidator(INPUTS, 100))
MISSPELT = json.dumps(ORDER).replace("backlog", "Backlog")
WRAP = 'send {"orders": [{"order_id": …, …}]}'

HINTS = {
    "a list of orders": (JSON, json.dumps([ORDER]), {"": WRAP}),
    "an order alone": (JSON, json.dumps(ORDER), {"/orders": WRAP}),
    "another wrapper": (JSON, json.dumps({"data": [ORDER]}), {"/orders": WRAP}),
    "a name in an order": (JSON, f'{{"orders": [{MISSPELT}]}}', {"/orders/0/Backlog": "did you mean backlog?"}),
    "a name of a column": (
        JSON,
        '{"order_ids": ["A"], "columns": {"back_log": [1]}}',
        {"/columns/back_log": "did you mean backlog?"},
    ),
    "a column of a table": (CSV, "order_id,Backlog (n)\nA,1\n", {"/Backlog (n)": "did you mean backlog?"}),
    "a table of semicolons": (
        CSV,
        f"order_id;{';'.join(FEATURES)}\nA;1;1;1\n",
        {f"/{name}": "separate cells by commas" for name in ("order_id", *FEATURES)},
    ),
    "a name like none of the model": (JSON, json.dumps({"orders": [ORDER | {"carrier": 1}]}), {}),
}


@pytest.mark.parametrize(("media_type", "body", "expected"), HINTS.values(), ids=HINTS)
def test_an_error_says_what_is_likely_meant(media_type, body, expected):
    decoded = DECODER.decode(RequestBody(media_type, body.encode()))
    errors = error_list(decoded.faults, FORMATS[decoded.format].locate)
    found = {error["pointer"]: error["detail"].split("; ")[1] for error in errors if ";" in error["detail"]}
    assert found == expected


CATEGORIES = {"carrier": "aa", "size": "l ", "depot": "nowhere"}


@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_an_unknown_category_that_is_spelt_nearly_like_a_known_one_is_answered_with_that(media_type):
    decoder = BatchDecoder(BatchValidator(RAW_INPUTS, 100))
    orders = [RAW_ORDERS[0] | CATEGORIES, RAW_ORDERS[1] | {"carrier": "ZZ"}]
    names = ("order_id", *(each.name for each in RAW_INPUTS))
    lines = [",".join(names), *(",".join(str(order.get(name, "")) for name in names) for order in orders)]
    body = json.dumps({"orders": orders}) if media_type == JSON else "\n".join(lines)
    faults = decoder.decode(RequestBody(media_type, body.encode())).faults
    assert [(fault.name, fault.code, fault.hint) for fault in faults] == [
        ("carrier", "unknown_category", "did you mean AA?"),
        ("size", "unknown_category", "did you mean L?"),
        ("carrier", "unknown_category", None),
    ]


BODY = json.dumps({"orders": [ORDER]})


@pytest.mark.parametrize("media_type", [JSON, CSV])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(BODY.encode()), "the body is gzipped; send Content-Encoding: gzip"),
        (BODY.encode("utf-16"), "the body is in UTF-16; send it in UTF-8"),
    ],
    ids=["gzip", "UTF-16"],
)
def test_a_body_that_is_no_text_is_named(media_type, content, reason):
    with pytest.raises(MalformedBody, match=f"^{reason}$"):
        DECODER.decode(RequestBody(media_type, content))
