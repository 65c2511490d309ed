"""What the service says of a model of raw orders: the OpenAPI document says what may be missing, and what is known."""

import html
import json
import re

import jsonschema
import pytest

from model.artifact import model_file
from model.core.manifest import Context
from schemas.formats.table import COLUMNS, CSV, JSON
from tests.raw_orders import ORDERS, raw_model


@pytest.fixture
def client(make_client, tmp_path):
    context = (Context("lane", ("north", "it's")), Context("source", ("web",)))
    model_file.write(raw_model(context=context, also_accepts=("promised_at",)), tmp_path / "raw.npz")
    return make_client(model=str(tmp_path / "raw.npz"))


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


FULL = ORDERS[0] | {"lane": "north", "source": "mail", "promised_at": {"a": [1]}}
CHANGES = {
    "nothing": ({}, 200),
    "null where the model fills it": ({"backlog": None, "depot": None, "size": None}, 200),
    "null where it does not": ({"distance": None}, 422),
    "null as a category that must be given": ({"carrier": None}, 422),
    "a known category": ({"carrier": "ü", "size": "S"}, 200),
    "a category in another case": ({"carrier": "aa"}, 422),
    "an unknown category of an input with a value for gaps": ({"size": "M"}, 422),
    "an unknown category where the model takes one": ({"depot": "ewr"}, 200),
    "a number as a category": ({"depot": 3}, 422),
    "a category as a number": ({"backlog": "AA"}, 422),
    "context of 128 characters": ({"lane": "x" * 128}, 200),
    "context of 129 characters": ({"lane": "x" * 129}, 422),
    "no text as context": ({"lane": 3}, 422),
    "null as context and as a name that is not used": ({"lane": None, "promised_at": None}, 200),
    "a misspelt name": ({"promised": 1}, 422),
}


@pytest.mark.parametrize("media_type", [JSON, COLUMNS])
@pytest.mark.parametrize(("change", "status"), CHANGES.values(), ids=CHANGES)
def test_a_raw_order_is_valid_by_the_document_where_it_is_answered(client, document, change, status, media_type):
    order = FULL | change
    columns = {name: [value] for name, value in order.items() if name != "order_id"}
    body = {"orders": [order]} if media_type == JSON else {"order_ids": [order["order_id"]], "columns": columns}
    schema = document["paths"]["/score"]["post"]["requestBody"]["content"][media_type]["schema"]
    found = jsonschema.Draft202012Validator({**schema, "components": document["components"]}).is_valid(body)
    answer = client.post("/score", data=json.dumps(body), content_type=media_type)
    assert (answer.status_code, found) == (status, status == 200)


def test_the_document_requires_what_the_model_does_not_fill(document):
    schemas = document["components"]["schemas"]
    required = {"distance", "carrier", "month"}
    assert set(schemas["Order"]["required"]) == {"order_id", *required}
    assert set(schemas["FeatureColumns"]["required"]) == required


def test_the_document_describes_each_kind_of_name(document):
    order, columns = (document["components"]["schemas"][name]["properties"] for name in ("Order", "FeatureColumns"))
    for name, values, text in (
        ("backlog", [3.0], "Orders that wait. Unit: orders. Range of the training data: 0 to 60. May be missing or null."),
        ("carrier", ["AA"], "Who carries it."),
        ("depot", ["EWR"], "The model knows EWR, JFK; any other text counts as none of them. May be missing or null."),
        (
            "lane",
            ["north"],
            "A text that is never scored. Metrics count north, it's by name, any other text as other. May be missing or null.",
        ),
    ):
        assert (order[name]["description"], order[name]["example"]) == (text, *values)
        assert (columns[name]["description"], columns[name]["example"]) == (text, values)
    assert order["carrier"]["enum"] == ["AA", "B:6", "ü"]
    assert (order["size"]["enum"], order["size"]["type"]) == (["S", "L", None], ["string", "null"])
    assert order["promised_at"] == {"description": "Accepted and not used."}


@pytest.mark.parametrize("media_type", [JSON, COLUMNS, CSV])
def test_the_example_has_a_value_of_each_context_and_gets_the_example_of_its_answer(client, document, media_type):
    operation = document["paths"]["/score"]["post"]
    sent, got = (part["content"][media_type]["example"] for part in (operation["requestBody"], operation["responses"]["200"]))
    answer = client.post("/score", data=sent if media_type == CSV else json.dumps(sent), content_type=media_type)
    assert (answer.text if media_type == CSV else answer.json) == got
    assert all(text in answer.text for text in ("north", "web"))


def test_without_the_extra_the_page_shows_what_is_known_and_what_may_be_null(client, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shown = html.unescape(re.sub("<[^>]*>", "", client.get("/docs").text))
    for text in ("number or null", "one of AA, B:6, ü\n", "one of S, L, null\n"):
        assert text in shown
