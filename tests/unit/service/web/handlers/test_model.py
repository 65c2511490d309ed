import jsonschema
import numpy as np
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from schemas.model_card import HealthSchema, ModelSchema, VersionSchema


@pytest.mark.parametrize(
    ("path", "schema"),
    [("/livez", HealthSchema), ("/readyz", HealthSchema), ("/model", ModelSchema), ("/version", VersionSchema)],
)
def test_what_is_answered_is_what_the_document_says(client, path, schema):
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert schema().load(answer.json)


def test_the_model_card_tells_features_ranges_and_shape(client):
    card = client.get("/model").json
    assert (card["model_name"], card["model_version"], card["threshold"]) == ("delivery-risk", "1.0.0", 0.6)
    assert (card["sizes"], card["activations"], card["parameter_count"]) == ([3, 3, 1], ["relu", "linear"], 16)
    assert [feature["name"] for feature in card["features"]] == ["route_disruption", "backlog", "weather_severity"]
    assert {(f["minimum"], f["maximum"], f["mean"], f["scale"]) for f in card["features"]} == {(0, 10, 5, 2)}
    assert "illustrative, not learned" in card["description"]


def test_the_versions_are_those_that_run(client):
    assert client.get("/version").json["numpy_version"] == np.__version__


def test_the_document_is_valid_openapi_3_1(client):
    document = client.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_the_documents_order_has_the_fields_of_the_served_model(client):
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    order = schemas["Order"]
    assert set(order["properties"]) == {"order_id", "route_disruption", "backlog", "weather_severity"} == set(order["required"])
    assert order["additionalProperties"] is False
    assert order["properties"]["backlog"] == {"type": "number"}
    assert schemas["Records"]["properties"]["orders"]["maxItems"] == 10_000


FEATURES = ("route_disruption", "backlog", "weather_severity")


def columns(ids, values, **more):
    return {"order_ids": ids, "columns": dict.fromkeys(FEATURES, values), **more}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (columns(["a", "b"], [1, 2]), 200),
        (columns(["x" * 128], [1]), 200),
        (columns(["x" * 129], [1]), 422),
        (columns([""], [1]), 422),
        (columns(["a", "a"], [1, 2]), 422),
        (columns([], []), 422),
        (columns([1], [1]), 422),
        (columns(["a"], ["1"]), 422),
        (columns(["a"], [None]), 422),
        (columns(["a"], {"a": 1}), 422),
        (columns(["a"], [1], x=1), 422),
        (columns([str(number) for number in range(10_001)], [1] * 10_001), 422),
        ({"orders": []}, 422),
        ({"orders": [{"order_id": "", **dict.fromkeys(FEATURES, 1)}]}, 422),
        ({"orders": [{"order_id": "a", **dict.fromkeys(FEATURES, 1)}]}, 200),
    ],
)
def test_a_body_is_valid_by_the_document_where_it_is_answered(client, body, status):
    document = client.get("/openapi.json").json
    schema = document["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    found = jsonschema.Draft202012Validator({**schema, "components": document["components"]}).is_valid(body)
    assert (client.post("/score", json=body).status_code, found) == (status, status == 200)


def test_the_documents_own_example_is_scored(client):
    post = client.get("/openapi.json").json["paths"]["/score"]["post"]
    example = post["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/score", json=example).json["results"][0]["queue"] == "monitor"


def test_every_path_of_the_document_is_served_and_no_other(client):
    documented = {(path, verb.upper()) for path, verbs in client.get("/openapi.json").json["paths"].items() for verb in verbs}
    rules = client.application.url_map.iter_rules()
    served = {(rule.rule, verb) for rule in rules for verb in rule.methods - {"HEAD", "OPTIONS"} if "<" not in rule.rule}
    assert served == documented


def test_the_document_is_not_sent_again_to_who_has_it(client):
    etag = client.get("/openapi.json").headers["ETag"]
    answer = client.get("/openapi.json", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")
