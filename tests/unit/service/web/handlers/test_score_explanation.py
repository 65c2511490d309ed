"""POST /score?explain=…: the same explanations in every format, which orders have one, and what is rejected."""

import json
import logging
import math
from dataclasses import replace

import pytest

from model.artifact import model_file
from model.core.network import Network
from schemas.answer_schemas import ColumnsDecisionSchema, DecisionSchema
from tests.apps import app_of, samples
from tests.facts import FEATURES, INPUTS, ORDERS
from tests.models import layer, model_of
from tests.raw_orders import INPUTS as INPUTS_OF_RAW
from tests.raw_orders import ORDERS as RAW_ORDERS
from tests.raw_orders import raw_model
from tests.unit.service.web.handlers.test_score_formats import FORMS, rows_of, send

# By hand, from the weights of the packaged model: docs/explanations.md has every step for B-208.
BASE = -0.24
LOGITS = {"A-104": -0.3, "B-208": 3.95, "C-311": 1.005}
OF_B_208 = {"route_disruption": 1.25625, "backlog": 0.76125, "weather_severity": 2.1725}
NAMES = [*(f"contribution_{name}" for name in FEATURES), *(f"reason_{number}" for number in range(1, 5))]


def post(form, query, orders=ORDERS, client=None):
    kind, encode = FORMS[form]
    return send(kind, encode(orders), query, client or app_of().test_client())


def explanations(answer, names=FEATURES):
    """Logit, base, contributions and the texts of the reasons by order id, of the orders that have an explanation."""
    assert answer.status_code == 200, answer.text
    if answer.mimetype == "text/csv":
        rows = [row for row in rows_of(answer) if row["logit"]]
        return {
            row["order_id"]: (
                float(row["logit"]),
                float(row["base"]),
                {name: float(row[f"contribution_{name}"]) for name in names},
                [row[f"reason_{number}"] for number in range(1, 5) if row[f"reason_{number}"]],
            )
            for row in rows
        }
    if "results" in answer.json:
        rows = DecisionSchema().load(answer.json)["results"]
        found = {row["order_id"]: row["explanation"] for row in rows if "explanation" in row}
    else:
        columns = ColumnsDecisionSchema().load(answer.json)
        lists = columns["explanations"]
        found = {
            columns["order_ids"][order]: {
                "logit": lists["logits"][at],
                "base": lists["base"],
                "contributions": {name: column[at] for name, column in lists["contributions"].items()},
                "reasons": lists["reasons"][at],
            }
            for at, order in enumerate(lists["orders"])
        }
    return {
        key: (each["logit"], each["base"], each["contributions"], [reason["text"] for reason in each["reasons"]])
        for key, each in found.items()
    }


@pytest.mark.parametrize("form", FORMS)
def test_an_order_of_the_packaged_model_is_explained_as_by_hand_in_every_format(form):
    found = explanations(post(form, "?explain=all"))
    assert {key: (logit, base) for key, (logit, base, *_) in found.items()} == {
        key: (pytest.approx(logit, abs=1e-15), BASE) for key, logit in LOGITS.items()
    }
    _, _, contributions, reasons = found["B-208"]
    assert contributions == pytest.approx(OF_B_208, rel=1e-15)
    assert list(contributions) == list(FEATURES)
    assert reasons == [f"{name} above typical" for name in ("weather_severity", "route_disruption", "backlog")]
    assert found["A-104"][3] == ["backlog below typical"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lane", ["on", "off"])
def test_the_bits_of_an_explanation_are_the_same_in_every_format_alone_and_in_any_batch(form, lane):
    client = app_of(fast_lane=lane).test_client()
    expected = explanations(post("records", "?explain=all"))
    assert explanations(post(form, "?explain=all", client=client)) == expected
    for order in ORDERS:
        assert explanations(post(form, "?explain=all", [order], client)) == {order["order_id"]: expected[order["order_id"]]}


def test_a_reason_has_the_input_its_contribution_and_the_side_of_its_mean():
    reasons = {row["order_id"]: row["explanation"]["reasons"] for row in post("records", "?explain=all").json["results"]}
    (of_a,) = reasons["A-104"]
    assert of_a == {
        "input": "backlog",
        "contribution": pytest.approx(0.06 / 19, rel=1e-12),
        "side": "below",
        "text": "backlog below typical",
    }
    assert [each["side"] for each in reasons["B-208"]] == ["above"] * 3
    assert [each["contribution"] for each in reasons["B-208"]] == pytest.approx([2.1725, 1.25625, 0.76125], rel=1e-15)


OUTSIDE = ORDERS[0] | {"order_id": "D-007", "weather_severity": -2}


@pytest.mark.parametrize("form", FORMS)
def test_only_orders_that_go_to_review_are_explained_where_that_is_asked_for(form):
    orders = [*ORDERS, OUTSIDE]
    everything = explanations(post(form, "?explain=all", orders))
    assert explanations(post(form, "?explain=review", orders)) == {key: everything[key] for key in ("B-208", "C-311", "D-007")}
    assert list(explanations(post(form, "?explain=review&review_top=1", orders))) == ["D-007"]
    assert list(explanations(post(form, "?explain=review&review_top=2", orders))) == ["B-208", "D-007"]
    assert explanations(post(form, "?explain=review", orders[:1])) == {}


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_without_the_option_is_as_before(form):
    answer = post(form, "")
    assert "explanation" not in answer.text
    assert "reason" not in answer.text
    assert answer.data == post(form, "?on_error=refuse").data


@pytest.mark.parametrize("form", FORMS)
def test_a_partial_answer_explains_its_valid_orders(form):
    orders = [ORDERS[0], ORDERS[1] | {"backlog": None}, ORDERS[2]]
    answer = post(form, "?explain=all&on_error=partial", orders)
    assert list(explanations(answer)) == ["A-104", "C-311"]
    if form == "table":
        *_, rejected = rows_of(answer)
        assert {rejected[name] for name in ("score", "logit", "base", *NAMES)} == {""}
        assert rejected["errors"] == "/1/backlog: null"


def test_csv_has_the_columns_of_an_explanation_after_those_of_the_result():
    (row, *_) = rows_of(post("table", "?explain=review"))
    assert list(row)[:4] == ["order_id", "score", "queue", "out_of_range"]
    assert list(row)[4:13] == ["logit", "base", *NAMES]
    assert list(row)[13] == "model_name"


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A client of a model whose features are made of numbers with gaps and of categories."""
    file = tmp_path_factory.mktemp("raw") / "raw.npz"
    model_file.write(raw_model(), file)
    return app_of(model=str(file)).test_client()


RAW_NAMES = ("backlog", "distance", "carrier", "depot", "size", "month")
TEXTS = {
    "A-1": ("backlog above typical", "distance", "carrier AA", "depot EWR", "size L", "month"),
    "A:2": ("backlog missing", "distance", "carrier B:6", "depot unknown", "size missing", "month"),
    "A-3": ("backlog missing", "distance", "carrier ü", "depot missing", "size missing", "month"),
    "A-4": ("backlog above typical", "distance", "carrier AA", "depot missing", "size S", "month"),
}


def test_a_reason_names_the_kind_of_value_and_repeats_no_other_value(raw):
    found = explanations(post("records", "?explain=all", RAW_ORDERS, raw), RAW_NAMES)
    assert list(found) == list(TEXTS)
    for key, (logit, base, contributions, reasons) in found.items():
        assert math.fsum([base, *contributions.values()]) == pytest.approx(logit, abs=1e-12)
        raising = [name for name in RAW_NAMES if contributions[name] > 0]
        ranked = sorted(raising, key=lambda name: -contributions[name])[:4]
        assert reasons == [TEXTS[key][RAW_NAMES.index(name)] for name in ranked]


def test_contributions_that_are_equal_are_reasons_in_the_order_of_the_inputs(tmp_path):
    network = Network([layer([[1.0] * 6], [0.0])])
    model_file.write(model_of(network), tmp_path / "equal.npz")
    client = app_of(model=str(tmp_path / "equal.npz")).test_client()
    order = {"order_id": "x", **{f"f{number}": 2.0 if number != 2 else 3.0 for number in range(6)}}
    (row,) = post("records", "?explain=all", [order], client).json["results"]
    assert [reason["input"] for reason in row["explanation"]["reasons"]] == ["f2", "f0", "f1", "f3"]


def test_a_contribution_that_overflows_is_null_in_json_empty_in_csv_and_no_reason(tmp_path):
    network = Network([layer([[1.0, -1.0, 0.0]], [0.0], "relu"), layer([[10.0]], [0.0])])
    model_file.write(model_of(network, inputs=INPUTS), tmp_path / "large.npz")
    client = app_of(model=str(tmp_path / "large.npz")).test_client()
    order = {"order_id": "x", "route_disruption": 1e308, "backlog": 9e307, "weather_severity": 1.0}
    (row,) = post("records", "?explain=all", [order], client).json["results"]
    assert row["explanation"]["contributions"] == {"route_disruption": None, "backlog": None, "weather_severity": 0.0}
    assert row["explanation"]["reasons"] == []
    (cells,) = rows_of(post("table", "?explain=all", [order], client))
    assert [cells[name] for name in NAMES] == ["", "", "0.0", "", "", "", ""]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("query", ["?explain=review", "?explain=all&on_error=partial"])
def test_a_batch_with_too_many_orders_to_explain_is_rejected_before_it_is_scored(form, query):
    client = app_of(max_explained="8").test_client()  # three hidden units: two orders
    assert post(form, query, ORDERS[:2], client).status_code == 200
    answer = post(form, query, ORDERS, client)
    (error,) = answer.json["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (422, "", "too_many_explained")
    assert error["detail"] == "has more orders than can be explained at once (at most 2)"
    assert post(form, "", ORDERS, client).status_code == 200
    seen = samples(client)
    assert seen['delivery_risk_rejected_orders_total{code="too_many_explained"}'] == 1
    assert seen["delivery_risk_unscored_orders_total"] == 3
    assert seen['delivery_risk_orders_total{model_version="1.0.0",queue="review"}'] == 1 + 2


@pytest.mark.parametrize("form", FORMS)
def test_a_model_of_another_activation_has_no_explanations_and_the_error_names_the_layer(form, tmp_path):
    network = Network(
        [layer([[1.0, 2.0, 3.0]] * 2, [0.0] * 2, "relu"), layer([[1.0, 2.0]], [0.0], "tanh"), layer([[1.0]], [0.0])]
    )
    model_file.write(model_of(network, inputs=INPUTS), tmp_path / "tanh.npz")
    client = app_of(model=str(tmp_path / "tanh.npz")).test_client()
    answer = post(form, "?explain=all", client=client)
    (error,) = answer.json["errors"]
    assert (answer.status_code, error["code"]) == (422, "not_explainable")
    assert error["detail"] == (
        "the model has no exact explanations; layer 2: its activation is tanh; explanations need relu, leaky_relu, linear"
    )
    assert post(form, "", client=client).status_code == 200


def test_explained_orders_are_counted_timed_and_noted_in_the_log(caplog):
    caplog.set_level(logging.INFO)
    client = app_of().test_client()
    post("records", "", client=client)
    post("records", "?explain=review", client=client)
    answer = post("columns", "?explain=all", client=client)
    assert [each.partition(";")[0] for each in answer.headers["Server-Timing"].split(", ")][-3:] == [
        "score",
        "explain",
        "encode",
    ]
    seen = samples(client)
    assert seen["delivery_risk_explained_orders_total"] == 2 + 3
    assert seen['delivery_risk_stage_duration_seconds_count{stage="explain"}'] == 2
    lines = [
        json.loads(record.getMessage()) if record.getMessage().startswith("{") else vars(record) for record in caplog.records
    ]
    assert [line["explained"] for line in lines if "explained" in line] == [2, 3]


MARKED = tuple(replace(each, actionable=each.name in ("backlog", "carrier", "depot")) for each in INPUTS_OF_RAW)


@pytest.fixture
def marked(tmp_path):
    """A client of a model with three actionable inputs, whose threshold is between the scores of many orders."""
    model = raw_model(MARKED)
    model_file.write(replace(model, manifest=replace(model.manifest, threshold=0.9)), tmp_path / "marked.npz")
    return lambda **given: app_of(model=str(tmp_path / "marked.npz"), **given).test_client()


def test_what_would_change_the_queue_is_in_every_format_and_changes_it(marked):
    client = marked()
    given = [
        {name: order.get(name) for name in ("order_id", *RAW_NAMES)}
        | {"order_id": f"{order['order_id']}-{month}", "month": month}
        for order in RAW_ORDERS
        for month in range(1, 13)
    ]
    answer = client.post("/score?explain=all&changes=true", json={"orders": given}).json
    DecisionSchema().load(answer)
    changes = {row["order_id"]: row["explanation"]["changes"] for row in answer["results"]}
    kept = {row["order_id"]: row["score"] >= answer["threshold"] for row in answer["results"]}
    assert all(any(each[name] for each in changes.values()) for name in ("backlog", "carrier", "depot"))
    for order in given:
        found = changes[order["order_id"]]
        values = [*(("carrier", value) for value in found["carrier"]), *(("depot", value) for value in found["depot"])]
        values += [] if found["backlog"] is None else [("backlog", found["backlog"])]
        for name, value in values:
            other = client.post("/score", json={"orders": [order | {name: value}]}).json
            assert (other["results"][0]["score"] >= other["threshold"]) is not kept[order["order_id"]]

    columns = {name: [order[name] for order in given] for name in RAW_NAMES}
    body = {"order_ids": [order["order_id"] for order in given], "columns": columns}
    lists = ColumnsDecisionSchema().load(client.post("/score?explain=all&changes=true", json=body).json)["explanations"][
        "changes"
    ]
    assert lists == {name: [each[name] for each in changes.values()] for name in ("backlog", "carrier", "depot")}

    lines = [
        ",".join(("order_id", *RAW_NAMES)),
        *(",".join("" if v is None else str(v) for v in order.values()) for order in given),
    ]
    rows = rows_of(client.post("/score?explain=all&changes=true", data="\n".join(lines), content_type="text/csv"))
    for row in rows:
        found = changes[row["order_id"]]
        assert row["change_backlog"] == ("" if found["backlog"] is None else repr(found["backlog"]))
        assert (row["change_carrier"], row["change_depot"]) == ("; ".join(found["carrier"]), "; ".join(found["depot"]))


def test_only_the_changes_that_are_asked_for_are_in_the_answer(marked):
    (row,) = marked().post("/score?explain=all", json={"orders": RAW_ORDERS[:1]}).json["results"]
    assert "changes" not in row["explanation"]
    (row,) = post("records", "?explain=all&changes=true", ORDERS[:1]).json["results"]
    assert row["explanation"]["changes"] == {}


def test_with_changes_each_actionable_input_counts_against_the_limit(marked):
    client = marked(max_explained="80")  # three hidden units and three actionable inputs: two orders of 3 * 13
    for orders, status in ((2, 200), (3, 422)):
        answer = client.post("/score?explain=review&changes=true", json={"orders": RAW_ORDERS[:orders]})
        assert answer.status_code == status
    assert answer.json["errors"][0]["detail"].endswith("(at most 2)")
    assert client.post("/score?explain=all", json={"orders": RAW_ORDERS}).status_code == 200
