"""The answers about the service itself, and the OpenAPI document that describes all answers."""

import json
import re

import jsonschema
import numpy as np
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from schemas.about import HealthSchema, VersionSchema
from schemas.formats.table import COLUMNS, CSV, JSON
from schemas.model_card import ModelSchema
from service.web.route import ANY_NAME
from service.web.routes import ROUTES
from tests.facts import FEATURES, ORDER


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json


@pytest.mark.parametrize(
    ("path", "schema"),
    [("/livez", HealthSchema), ("/readyz", HealthSchema), ("/model", ModelSchema), ("/version", VersionSchema)],
)
def test_an_answer_follows_its_schema(client, path, schema):
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert schema().load(answer.json)


def test_the_version_names_the_numpy_that_runs(client):
    assert client.get("/version").json["numpy_version"] == np.__version__


def test_the_document_is_valid_openapi_3_1(document):
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_an_order_of_the_document_has_the_features_of_the_served_model(client, document):
    order = document["components"]["schemas"]["Order"]
    assert set(order["properties"]) == {"order_id", *FEATURES} == set(order["required"])
    assert order["additionalProperties"] is False
    (backlog,) = (feature for feature in client.get("/model").json["features"] if feature["name"] == "backlog")
    text = f"{backlog['description']} Unit: {backlog['unit']}. Range of the training data: 0 to 10."
    assert order["properties"]["backlog"] == {"type": "number", "description": text, "example": 3}
    columns = document["components"]["schemas"]["FeatureColumns"]["properties"]["backlog"]
    assert (columns["description"], columns["example"]) == (text, [3])
    assert document["components"]["schemas"]["Records"]["properties"]["orders"]["maxItems"] == 10_000


def columns(ids, values, **more):
    return {"order_ids": ids, "columns": dict.fromkeys(FEATURES, values), **more}


BODIES = [
    *((columns(["a", "b"], [1, 2]), 200), (columns(["x" * 128], [1]), 200), ({"orders": [ORDER]}, 200)),
    *((columns(["x" * 129], [1]), 422), (columns([""], [1]), 422), (columns(["a", "a"], [1, 2]), 422), (columns([], []), 422)),
    *((columns([1], [1]), 422), (columns(["a"], ["1"]), 422), (columns(["a"], [None]), 422), (columns(["a"], {"a": 1}), 422)),
    *((columns(["a"], [1], x=1), 422), (columns([str(number) for number in range(10_001)], [1] * 10_001), 422)),
    *(({"orders": []}, 422), ({"orders": [{**ORDER, "order_id": ""}]}, 422)),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
def test_a_body_is_valid_by_the_document_where_it_is_answered(client, document, body, status):
    media_type = JSON if "orders" in body else COLUMNS
    schema = document["paths"]["/score"]["post"]["requestBody"]["content"][media_type]["schema"]
    found = jsonschema.Draft202012Validator({**schema, "components": document["components"]}).is_valid(body)
    answer = client.post("/score", data=json.dumps(body), content_type=media_type)
    assert (answer.status_code, found) == (status, status == 200)


@pytest.mark.parametrize("media_type", [JSON, COLUMNS, CSV])
def test_the_example_of_a_media_type_gets_the_example_of_its_answer_which_has_one_schema(client, document, media_type):
    operation = document["paths"]["/score"]["post"]
    sent, got = (part["content"][media_type] for part in (operation["requestBody"], operation["responses"]["200"]))
    body = sent["example"] if media_type == CSV else json.dumps(sent["example"])
    answer = client.post("/score", data=body, content_type=media_type)
    assert (answer.mimetype, answer.text if media_type == CSV else answer.json) == (media_type, got["example"])
    assert [schema.keys() & {"oneOf", "anyOf"} for schema in (sent["schema"], got["schema"])] == [set(), set()]
    schema = {**got["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(got["example"])


def test_every_operation_has_a_tag_that_the_document_describes(document):
    used = {tag for verbs in document["paths"].values() for operation in verbs.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"] if tag["description"]}


def test_the_document_has_every_path_that_is_served_and_no_other(document):
    documented = {(path, verb.upper()) for path, verbs in document["paths"].items() for verb in verbs}
    assert {(re.sub(r"<(\w+)>", r"{\1}", route.path), route.method) for route in ROUTES if route.summary} == documented
    hidden = {route.path for route in ROUTES if not route.summary}
    infer = {"/v2/models/<model>/infer", "/v2/models/<model>/versions/<version>/infer"}
    assert hidden - infer == {f"/docs/{ANY_NAME}", "/v2/", *(f"/v2/repository/models/<model>/{do}load" for do in ("", "un"))}


def test_the_document_is_not_sent_again_to_a_client_that_has_it(client):
    etag = client.get("/openapi.json").headers["ETag"]
    answer = client.get("/openapi.json", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
