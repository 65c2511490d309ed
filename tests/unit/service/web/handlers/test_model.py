"""The answers about the service itself, and the OpenAPI document that describes all answers."""

import jsonschema
import numpy as np
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from schemas.model_card import HealthSchema, ModelSchema, VersionSchema
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


def test_an_order_of_the_document_has_the_features_of_the_served_model(document):
    order = document["components"]["schemas"]["Order"]
    assert set(order["properties"]) == {"order_id", *FEATURES} == set(order["required"])
    assert order["additionalProperties"] is False
    assert order["properties"]["backlog"] == {"type": "number"}
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
    schema = document["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    found = jsonschema.Draft202012Validator({**schema, "components": document["components"]}).is_valid(body)
    assert (client.post("/score", json=body).status_code, found) == (status, status == 200)


def test_the_example_of_the_document_is_scored(client, document):
    example = document["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/score", json=example).json["results"][0]["queue"] == "monitor"


def test_the_document_has_every_path_that_is_served_and_no_other(document):
    documented = {(path, verb.upper()) for path, verbs in document["paths"].items() for verb in verbs}
    assert {(route.path, route.method) for route in ROUTES if ANY_NAME not in route.path} == documented


def test_the_document_is_not_sent_again_to_a_client_that_has_it(client):
    etag = client.get("/openapi.json").headers["ETag"]
    answer = client.get("/openapi.json", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
