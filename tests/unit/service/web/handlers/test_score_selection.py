"""POST /score?review_top=N&by=CONTEXT: the same selection in every format, its accounts, and what is a bad request."""

import json
import logging
from dataclasses import replace

import pytest
from msgspec.structs import replace as replaced

from model.core.manifest import Context
from model.registry.references import VersionReference
from schemas.answer_schemas import ColumnsDecisionSchema, DecisionSchema
from tests.apps import app_of, samples, service_of
from tests.facts import FEATURES
from tests.unit.service.web.handlers.test_score_formats import FORMS, rows_of, send

# From 5 on the scores of the packaged model grow with the backlog; a backlog over 10 is out of its range.
BACKLOGS = {"JFK-1": 9, "EWR-2": 6, "JFK-0": 9, "JFK-9": 12, "EWR-1": 7, "LGA": 8}
RANKS = {"JFK-9": 1, "JFK-0": 2, "JFK-1": 3, "LGA": 4, "EWR-1": 5, "EWR-2": 6}
RANKS_BY_DEPOT = {"JFK-9": 1, "JFK-0": 2, "JFK-1": 3, "LGA": 1, "EWR-1": 1, "EWR-2": 2}


def orders_of(backlogs):
    return [{"order_id": key, **dict.fromkeys(FEATURES, 4), "backlog": backlog} for key, backlog in backlogs.items()]


def post(client, form, query, backlogs=BACKLOGS):
    kind, encode = FORMS[form]
    return send(kind, encode(orders_of(backlogs)), query, client)


@pytest.fixture
def by_depot(monkeypatch):
    """A client of a model with a context: the depot of an order is what its id has before a dash, if it has one."""
    service = service_of()
    model = service.serving.active.champion.model
    manifest = replace(model.manifest, context=(Context("depot", ("EWR", "JFK")),))
    service.serving.set_champion(replace(model, manifest=manifest), VersionReference("1.0.0", "x.npz", "0" * 64))
    decoder = service.serving.active.champion.decoder

    def with_depots(decode):
        def decoded(body):
            found = decode(body)
            return found and replaced(found, context={"depot": [key.rpartition("-")[0] or None for key in found.batch.ids]})

        return decoded

    for name in ("decode", "valid"):
        monkeypatch.setattr(decoder, name, with_depots(getattr(decoder, name)))
    return service.app.test_client()


def ranks(answer):
    """The queue and the rank of each order, by its id, from any format; the orders are those of the request."""
    assert answer.status_code == 200, answer.text
    if answer.mimetype == "text/csv":
        found = {row["order_id"]: (row["queue"], int(row["rank"])) for row in rows_of(answer)}
    elif "results" in answer.json:
        DecisionSchema().load(answer.json)
        found = {row["order_id"]: (row["queue"], row["rank"]) for row in answer.json["results"]}
    else:
        columns = ColumnsDecisionSchema().load(answer.json)
        pairs = zip(columns["queues"], columns["ranks"], strict=True)
        found = dict(zip(columns["order_ids"], pairs, strict=True))
    assert list(found) == list(BACKLOGS)
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("query", "expected"), [("", RANKS), ("&by=depot", RANKS_BY_DEPOT)])
def test_the_first_orders_of_the_batch_or_of_each_group_go_to_review_in_every_format(by_depot, form, query, expected):
    found = ranks(post(by_depot, form, f"?review_top=2{query}"))
    assert found == {key: ("review" if expected[key] <= 2 else "monitor", expected[key]) for key in BACKLOGS}


@pytest.mark.parametrize("form", ["records", "columns", "typed columns"])
def test_the_answer_says_what_was_selected_by_group_and_the_lowest_score_taken_of_orders_in_range(by_depot, form):
    plain = {row["order_id"]: row["score"] for row in post(by_depot, "records", "").json["results"]}
    answer = post(by_depot, form, "?review_top=2").json
    assert answer["selection"] == {"review_top": 2, "lowest_score": plain["JFK-0"]}
    assert post(by_depot, form, "?by=depot&review_top=1").json["selection"] == {
        "review_top": 1,
        "by": "depot",
        "lowest_score": plain["EWR-1"],
        "groups": [
            {"value": "EWR", "orders": 2, "review": 1, "lowest_score": plain["EWR-1"]},
            {"value": "JFK", "orders": 3, "review": 1, "lowest_score": None},
            {"value": None, "orders": 1, "review": 1, "lowest_score": plain["LGA"]},
        ],
    }


def test_a_row_of_csv_has_the_rank_after_the_result_and_what_was_asked_for_after_the_policy(by_depot):
    first, *_, rejected = rows_of(post(by_depot, "table", "?review_top=2&by=depot&on_error=partial", {**BACKLOGS, "x": None}))
    assert list(first)[:5] == ["order_id", "score", "queue", "out_of_range", "rank"]
    assert list(first)[-4:] == ["out_of_range_policy", "review_top", "by", "errors"]
    assert (first["rank"], first["review_top"], first["by"]) == ("3", "2", "depot")
    assert (rejected["order_id"], rejected["rank"], rejected["errors"]) == ("x", "", "/6/backlog: null")


def test_hundreds_of_orders_out_of_range_are_ranked_by_score_and_named_also_where_they_are_not_reviewed(client):
    backlogs = {f"O-{number}": 11 + number if number % 4 else 5 for number in range(400)}
    answer = post(client, "records", "?review_top=50", backlogs).json
    outside = [row for row in answer["results"] if "out_of_range" in row]
    assert {row["order_id"] for row in outside} == {key for key, backlog in backlogs.items() if backlog > 10}
    ordered = sorted(outside, key=lambda row: (-row["score"], row["order_id"]))
    assert [row["rank"] for row in ordered] == list(range(1, 301))
    assert [row["queue"] for row in ordered] == ["review"] * 50 + ["monitor"] * 250
    assert {row["queue"] for row in answer["results"] if "out_of_range" not in row} == {"monitor"}
    assert answer["selection"] == {"review_top": 50, "lowest_score": None}


def test_more_reviews_than_orders_take_all_and_an_answer_without_results_takes_none(client):
    answer = post(client, "records", "?review_top=10000").json
    assert {row["queue"] for row in answer["results"]} == {"review"}
    empty = post(client, "columns", "?review_top=1&on_error=partial", {"x": None}).json
    assert (empty["ranks"], empty["selection"]) == ([], {"review_top": 1, "lowest_score": None})


BAD = {
    **dict.fromkeys(
        [
            *(
                f"review_top={text}"
                for text in ("0", "7", "", "-1", "1.5", "+1", "%D9%A1", "1e0", "%201", "9" * 5000, "0&by=depot")
            )
        ],
        "The query parameter review_top must be an integer from 1 to 6.",
    ),
    "by=depot": "The query parameter by needs review_top beside it.",
    "by=depot&on_error=partial": "The query parameter by needs review_top beside it.",
    **dict.fromkeys(
        [
            "review_top=1&review_top=1",
            "review_top=1&by=depot&by=depot",
            "review_top=1&reviewtop=1",
            "review_top=1&on_error=SECRET",
        ],
        "The query may only contain on_error=refuse or on_error=partial, explain=review or explain=all, changes=true, "
        "review_top and by, each once.",
    ),
    **dict.fromkeys(
        ["review_top=1&by=SECRET", "review_top=1&by=", "review_top=1&by=%ff"],
        "The query parameter by must name a context of the model; it has none.",
    ),
}


@pytest.mark.parametrize(("query", "detail"), BAD.items())
@pytest.mark.parametrize("lane", ["on", "off"])
def test_what_cannot_be_selected_is_a_bad_request_that_names_the_parameter_and_not_its_value(query, detail, lane):
    answer = post(app_of(max_orders="6", fast_lane=lane).test_client(), "records", f"?{query}")
    assert (answer.status_code, answer.json["detail"]) == (400, detail)


def test_an_unknown_context_is_answered_with_those_of_the_model(by_depot):
    answer = post(by_depot, "records", "?review_top=1&by=SECRET")
    assert (answer.status_code, "SECRET" in answer.text) == (400, False)
    assert answer.json["detail"] == "The query parameter by must name a context of the model; it has depot."


def test_counts_and_the_log_follow_the_selection(by_depot, caplog):
    caplog.set_level(logging.INFO, "delivery_risk.access")
    post(by_depot, "records", "?review_top=1&by=depot")
    post(by_depot, "records", "?review_top=2")
    post(by_depot, "records", "")
    first, second, third = caplog.records
    assert (first.orders, first.review, first.review_top, first.by) == (6, 3, 1, "depot")
    assert (second.review, second.review_top, hasattr(second, "by")) == (2, 2, False)
    assert not hasattr(third, "review_top")
    reviews = samples(by_depot)['delivery_risk_orders_total{model_version="1.0.0",queue="review"}']
    assert reviews == 3 + 2 + third.review


def test_the_document_has_the_parameters_with_the_bounds_and_the_context_of_the_model(by_depot, client):
    def parameters(client):
        operation = client.get("/openapi.json").json["paths"]["/score"]["post"]
        return {each["name"]: each["schema"] for each in operation["parameters"]}

    assert parameters(by_depot)["review_top"] == {"type": "integer", "minimum": 1, "maximum": 10_000}
    assert parameters(by_depot)["by"] == {"type": "string", "enum": ["depot"]}
    assert parameters(client)["by"] == {"type": "string"}


def test_without_the_option_no_member_of_the_answer_is_of_a_selection(client):
    for form in FORMS:
        text = post(client, form, "").text
        assert not [name for name in ("rank", "selection", "review_top") if name in text]
    assert "rank" not in json.dumps(post(client, "records", "?on_error=partial").json)
