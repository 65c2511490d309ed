"""The manifest of format 2: what is read and written, and what is rejected."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.artifact import inputs, manifest, model_file
from model.core.manifest import Context, Feature, Input
from model.errors import BadManifest
from model.packaged import packaged_model
from tests.model_files import SECRET_NUMBER, SECRET_TEXT, rejects
from tests.raw_orders import preparations, raw_model, raw_orders

MANIFEST = raw_model().manifest
DOCUMENT = json.loads(manifest.write(MANIFEST))
BACKLOG, DISTANCE, CARRIER, DEPOT, SIZE, MONTH = range(6)
MADE = {each["name"]: at for at, each in enumerate(DOCUMENT["features"])}


def edited(part, at, **changes):
    """The document with these entries of an input or a feature changed, or left out where they are ... ."""
    entries = [dict(each) for each in DOCUMENT[part]]
    entries[at] = {name: value for name, value in (entries[at] | changes).items() if value is not ...}
    return DOCUMENT | {part: entries}


def without(part, at):
    return DOCUMENT | {part: [each for number, each in enumerate(DOCUMENT[part]) if number != at]}


def input_(at, **changes):
    return edited("inputs", at, **changes)


def feature(at, **changes):
    return edited("features", MADE[at], **changes)


REJECTED = {
    "inputs[0].name": [input_(0, name=name) for name in ("", "a b", "order_id", "é", f"{SECRET_TEXT}!", None, 3)],
    "inputs[0].kind": [input_(0, kind=kind) for kind in (..., None, "text", SECRET_TEXT, 1)],
    "inputs[0].missing": [input_(0, missing=value) for value in (SECRET_TEXT, None, True, [1.0], 10**400)],
    "inputs[0].minimum": [input_(0, minimum=value) for value in (None, SECRET_TEXT, False)],
    "inputs[0].unit": [input_(0, unit="a\nb")],
    "inputs[0].actionable": [input_(0, actionable=value) for value in (None, 1, "yes")],
    "inputs[0]": [
        *(input_(0, minimum=61.0), input_(0, values=["a"]), input_(0, unknown="none"), input_(0, other=SECRET_TEXT)),
        *(DOCUMENT | {"inputs": [None, *DOCUMENT["inputs"][1:]]},),
    ],
    "inputs[2]": [input_(CARRIER, unit="km"), input_(CARRIER, minimum=0.0), input_(CARRIER, maximum=0.0)],
    "inputs[2].values": [
        *(input_(CARRIER, values=values) for values in (..., None, [], "AA", ["AA", "AA"])),
        input_(CARRIER, values=[str(number) for number in range(inputs.MOST_VALUES + 1)]),
    ],
    "inputs[2].values[1]": [input_(CARRIER, values=["AA", value]) for value in ("", "a\nb", "x" * 65, 3, None, "\ud800")],
    "inputs[2].unknown": [input_(CARRIER, unknown=value) for value in (None, "", "reject", True)],
    "inputs[4].missing": [input_(SIZE, missing=value) for value in (SECRET_TEXT, SECRET_NUMBER)],
    "inputs": [
        *(DOCUMENT | {"inputs": value} for value in (None, [], {}, SECRET_TEXT)),
        input_(BACKLOG, name="distance"),
    ],
    "features": [
        *(DOCUMENT | {"features": value} for value in (None, [], {}, SECRET_TEXT)),
        *(without("features", MADE["distance_log"]), feature("backlog_missing", name="backlog")),
    ],
    f"features[{MADE['backlog']}].name": [feature("backlog", name=name) for name in (..., "a-b", None)],
    f"features[{MADE['backlog']}].of": [feature("backlog", of=name) for name in (..., "orders", None, 3)],
    f"features[{MADE['backlog']}]": [
        feature("backlog", **{"is": 3, "function": "log1p"}),
        feature("backlog", unit="orders"),
    ],
    f"features[{MADE['summer']}].is": [
        *(feature("summer", **{"is": value}) for value in ([], "6", [6, "7"], [6, 6], None, True, [None], {}, 10**400)),
    ],
    f"features[{MADE['carrier_AA']}].is": [
        *(feature("carrier_AA", **{"is": value}) for value in (..., None, SECRET_TEXT, 3, ["AA", "AA"])),
    ],
    f"features[{MADE['month_sin']}].function": [
        *(feature("month_sin", function=name) for name in (None, "tan", SECRET_TEXT, 1)),
        input_(MONTH, actionable=True),
    ],
    f"features[{MADE['distance_log']}].function": [input_(DISTANCE, actionable=True)],
    f"features[{MADE['month_sin']}].period": [
        *(feature("month_sin", period=value) for value in (..., None, 0, -12, 5e-324, "12", True)),
    ],
    f"features[{MADE['distance_log']}].period": [feature("distance_log", period=2.0)],
    f"features[{MADE['backlog']}].period": [feature("backlog", period=2.0)],
}
CASES = [(location, document) for location, documents in REJECTED.items() for document in documents]


@pytest.mark.parametrize(("location", "document"), CASES, ids=[location for location, _ in CASES])
def test_what_is_wrong_with_inputs_and_features_is_rejected_by_its_place(location, document):
    with rejects(BadManifest, f"manifest.{location}"):
        manifest.read(json.dumps(document).encode())


def test_an_actionable_input_may_feed_the_number_itself_and_indicators():
    entries = [each | {"actionable": each["name"] not in ("distance", "month")} for each in DOCUMENT["inputs"]]
    found = manifest.read(json.dumps(DOCUMENT | {"inputs": entries}).encode())
    assert [each.name for each in found.inputs if each.actionable] == ["backlog", "carrier", "depot", "size"]


def test_the_fill_of_a_logarithm_must_have_one():
    document = input_(BACKLOG, missing=-1)
    document["features"] = [*document["features"], {"name": "log", "of": "backlog", "function": "log1p"}]
    with rejects(BadManifest, f"manifest.features[{len(document['features']) - 1}]"):
        manifest.read(json.dumps(document).encode())


def test_inputs_belong_to_format_2_alone():
    with rejects(BadManifest, "manifest"):
        manifest.read(json.dumps(DOCUMENT | {"format": 1}).encode())


@settings(max_examples=50)
@given(st.data())
def test_any_preparation_is_read_as_it_was_written_in_the_same_bytes(data):
    given_inputs, features = data.draw(preparations())
    (order,) = data.draw(raw_orders(given_inputs, most=1))
    model = raw_model(given_inputs, features, order)
    assert (model.manifest.inputs, model.manifest.features) == (given_inputs, features)
    assert model_file.dumps(model_file.loads(model_file.dumps(model))) == model_file.dumps(model)


def test_what_format_1_can_hold_is_written_in_format_1():
    plain = packaged_model().manifest
    actionable = replace(plain, inputs=(replace(plain.inputs[0], actionable=True), *plain.inputs[1:]))
    formats = [json.loads(manifest.write(each))["format"] for each in (plain, actionable, MANIFEST)]
    assert formats == [1, 2, 2]
    same = json.loads(manifest.write(actionable)) | {
        "inputs": [{"kind": "number"} | each for each in json.loads(manifest.write(plain))["features"]]
    }
    assert manifest.write(manifest.read(json.dumps(same).encode())) == manifest.write(plain)


def test_the_entries_are_those_that_the_format_documents():
    assert DOCUMENT["format"] == 2
    assert DOCUMENT["inputs"][BACKLOG] == {
        "name": "backlog",
        "kind": "number",
        "unit": "orders",
        "description": "Orders that wait.",
        "minimum": 0.0,
        "maximum": 60.0,
        "missing": 4.5,
        "actionable": True,
    }
    assert DOCUMENT["inputs"][DEPOT] == {"name": "depot", "kind": "category", "values": ["EWR", "JFK"], "unknown": "none"}
    made = {each.pop("name"): each for each in map(dict, DOCUMENT["features"])}
    assert made["backlog"] == {"of": "backlog"}
    assert made["backlog_missing"] == {"of": "backlog", "is": None}
    assert made["carrier_other"] == {"of": "carrier", "is": ["B:6", "ü"]}
    assert made["size_L"] == {"of": "size", "is": "L"}
    assert made["distance_log"] == {"of": "distance", "function": "log1p"}
    assert made["month_cos"] == {"of": "month", "function": "cos", "period": 12.0}


def test_people_read_how_a_feature_is_made():
    assert [Feature("f", "month", *each).made_of for each in [(), ("is", (6.0, 7.0)), ("missing",), ("sin", (), 12.0)]] == [
        *("month", "month is 6.0, 7.0", "month is missing", "sin of month, period 12"),
    ]
    assert Input("f").optional is False


DEPOT_CONTEXT = {"name": "lane", "values": ["EWR", "JFK"]}
REJECTED_CONTEXT = {
    "context": [
        *({"context": value} for value in (None, [], {}, SECRET_TEXT)),
        {"context": [{"name": f"c{number}", "values": ["a"]} for number in range(inputs.MOST_CONTEXTS + 1)]},
    ],
    "context[0].name": [{"context": [DEPOT_CONTEXT | {"name": name}]} for name in ("order_id", "a b", None)],
    "context[0].values": [
        *({"context": [DEPOT_CONTEXT | {"values": values}]} for values in ([], None, ["a", "a"])),
        {"context": [DEPOT_CONTEXT | {"values": [str(number) for number in range(inputs.MOST_COUNTED + 1)]}]},
    ],
    "context[0].values[0]": [{"context": [DEPOT_CONTEXT | {"values": [text]}]} for text in ("", "x" * 129, "a\tb", 3)],
    "also_accepts": [
        *({"also_accepts": value} for value in (None, [], {}, SECRET_TEXT)),
        {"also_accepts": [f"name{number}" for number in range(inputs.MOST_ALSO_ACCEPTED + 1)]},
    ],
    "also_accepts[0]": [{"also_accepts": [name]} for name in ("order_id", "a b", 3)],
    "": [
        {"also_accepts": ["backlog"]},
        {"also_accepts": ["later", "later"]},
        {"context": [DEPOT_CONTEXT | {"name": "carrier"}]},
        {"context": [DEPOT_CONTEXT], "also_accepts": ["lane"]},
    ],
}
FURTHER = [(location, entries) for location, each in REJECTED_CONTEXT.items() for entries in each]


@pytest.mark.parametrize(("location", "entries"), FURTHER, ids=[location for location, _ in FURTHER])
def test_what_is_wrong_with_context_and_accepted_names_is_rejected_by_its_place(location, entries):
    with rejects(BadManifest, f"manifest.{location}".rstrip(".")):
        manifest.read(json.dumps(DOCUMENT | entries).encode())


def test_context_and_accepted_names_are_kept_in_format_2():
    plain = replace(packaged_model().manifest, context=(Context("lane", ("EWR",)),), also_accepts=("later",))
    text = manifest.write(plain)
    assert (json.loads(text)["context"], json.loads(text)["also_accepts"]) == ([{"name": "lane", "values": ["EWR"]}], ["later"])
    assert (manifest.read(text), plain.prepared) == (plain, False)
