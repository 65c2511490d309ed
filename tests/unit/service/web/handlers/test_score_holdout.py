"""POST /score where a holdout is on: the marks in every format, the record, the counts and the log."""

import json
import logging

import pytest

from schemas.answer_schemas import ColumnsDecisionSchema, DecisionSchema
from service.config import SettingsError
from tests.apps import samples, service_of
from tests.facts import FEATURES
from tests.unit.service.web.handlers.test_score_formats import FORMS, rows_of, send

KEY = "SECRET-" * 5
# From 5 on the scores of the packaged model grow with the backlog; a backlog over 10 is out of its range.
ORDERS = [
    {"order_id": f"A-{number}", **dict.fromkeys(FEATURES, 4), "backlog": (2, 7, 9, 12)[number % 4]} for number in range(400)
]
REVIEWED = {each["order_id"] for each in ORDERS if each["backlog"] in (7, 9)}
OUTSIDE = {each["order_id"] for each in ORDERS if each["backlog"] == 12}


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY)
    return str(path)


@pytest.fixture
def service(key_file):
    return service_of(holdout="0.2", holdout_key_file=key_file)


@pytest.fixture
def held(service):
    """A client of a service with a holdout."""
    return service.app.test_client()


def post(client, form, query="", orders=ORDERS):
    kind, encode = FORMS[form]
    return send(kind, encode(orders), query, client)


def marks(answer):
    """The ids that are marked, and the queue of each order by its id."""
    assert answer.status_code == 200, answer.text
    if answer.mimetype == "text/csv":
        rows = rows_of(answer)
        assert {row["holdout"] for row in rows} <= {"true", ""}
        return {row["order_id"] for row in rows if row["holdout"]}, {row["order_id"]: row["queue"] for row in rows}
    if "results" in answer.json:
        rows = DecisionSchema().load(answer.json)["results"]
        assert {row.get("holdout") for row in rows} == {True, None}
        return {row["order_id"] for row in rows if "holdout" in row}, {row["order_id"]: row["queue"] for row in rows}
    columns = ColumnsDecisionSchema().load(answer.json)
    ids = columns["order_ids"]
    return {ids[at] for at in columns["holdout"]}, dict(zip(ids, columns["queues"], strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_every_format_marks_the_same_orders_that_would_go_to_review_and_changes_no_other(held, client, form):
    marked, queues = marks(post(held, form))
    without = {row["order_id"]: row["queue"] for row in post(client, "records").json["results"]}
    assert marked == marks(post(held, "records"))[0]
    assert marked < REVIEWED
    assert 10 < len(marked) < 80
    assert queues == without | dict.fromkeys(marked, "monitor")
    assert {queues[each] for each in OUTSIDE} == {"review"}


def test_a_single_order_is_marked_as_it_is_among_others(held):
    marked, _ = marks(post(held, "records"))
    for order in ORDERS[:80]:
        (row,) = post(held, "records", orders=[order]).json["results"]
        assert row.get("holdout", False) == (order["order_id"] in marked)


@pytest.mark.parametrize("form", FORMS)
def test_where_no_holdout_is_set_no_answer_has_a_word_of_it(client, form):
    assert "holdout" not in post(client, form).text


def test_where_it_marks_no_order_records_have_no_mark_and_lists_and_cells_are_empty(held):
    orders = [order for order in ORDERS if order["order_id"] not in REVIEWED]
    assert "holdout" not in post(held, "records", orders=orders).text
    assert post(held, "columns", orders=orders).json["holdout"] == []
    assert {row["holdout"] for row in rows_of(post(held, "table", orders=orders))} == {""}


def test_the_column_of_csv_is_after_the_rank_and_a_rejected_row_has_an_empty_cell(held):
    first, *_, rejected = rows_of(
        post(held, "table", "?review_top=2&on_error=partial", [*ORDERS[:3], ORDERS[3] | {"backlog": None}])
    )
    assert list(first)[4:6] == ["rank", "holdout"]
    assert (rejected["order_id"], rejected["holdout"], rejected["errors"]) == ("A-3", "", "/3/backlog: null")


def test_the_first_ranks_that_are_marked_go_to_monitor_and_none_takes_their_place(held):
    answer = post(held, "records", "?review_top=250").json
    rows = answer["results"]
    marked = [row for row in rows if row.get("holdout")]
    assert marked
    assert all(row["rank"] <= 250 and row["queue"] == "monitor" for row in marked)
    assert [row["queue"] == "review" for row in rows] == [row["rank"] <= 250 and not row.get("holdout") for row in rows]


def test_the_record_has_the_share_and_the_indices_of_the_marked_orders(key_file, tmp_path):
    (tmp_path / "log").mkdir()
    service = service_of(holdout="0.2", holdout_key_file=key_file, decision_log=str(tmp_path / "log"))
    client = service.app.test_client()
    answers = [post(client, "columns").json, post(client, "columns", orders=ORDERS[:1]).json]
    (path,) = (tmp_path / "log").iterdir()
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["holdout"] for each in records] == [{"share": 0.2, "orders": each["holdout"]} for each in answers]
    assert records[1]["holdout"]["orders"] == []
    assert [each["queues"] for each in records] == [each["queues"] for each in answers]
    assert KEY not in path.read_text()


def test_counts_and_the_log_have_the_orders_that_are_kept_out_and_those_that_do_go_to_review(service, caplog):
    caplog.set_level(logging.INFO, "delivery_risk.access")
    service.show_initial_series()
    client, name = service.app.test_client(), "delivery_risk_holdout_orders_total"
    assert samples(client)[name] == 0
    marked, queues = marks(post(client, "records"))
    assert client.post("/score", json={"orders": []}).status_code == 422
    first, second = (each for each in caplog.records if each.route == "/score")
    reviewed = list(queues.values()).count("review")
    assert (first.holdout, first.review, second.holdout) == (len(marked), reviewed, 0)
    found = samples(client)
    assert found[name] == len(marked)
    assert found['delivery_risk_orders_total{model_version="1.0.0",queue="review"}'] == reviewed


@pytest.mark.parametrize("given", [True, False])
def test_the_model_card_says_whether_a_holdout_is_on(held, client, given):
    assert (held if given else client).get("/model").json["holdout"] == (0.2 if given else None)


def test_a_service_whose_key_cannot_be_read_does_not_start_and_does_not_repeat_it(tmp_path):
    (tmp_path / "key").write_text("SECRET-SECRET")
    with pytest.raises(SettingsError) as raised:
        service_of(holdout="0.01", holdout_key_file=str(tmp_path / "key"))
    assert raised.value.faults == {"DELIVERY_RISK_HOLDOUT_KEY_FILE": "expected a key of at least 16 bytes"}
