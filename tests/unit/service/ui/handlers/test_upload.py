"""Upload: the page and its CSV rank the orders of a file as /score does, and nothing is recorded or counted."""

import csv
import random
from dataclasses import replace
from io import StringIO

import pytest

from model.artifact import model_file
from model.core.manifest import Context
from model.packaged import packaged_model
from tests.apps import app_of, samples
from tests.facts import FEATURES
from tests.people_pages import PeoplePage
from tests.visitors import ORIGIN, Visitor

HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "<b>x</b>", '"quoted", comma', "{{7*7}}", "'=1", "é\u202etxt"]


@pytest.fixture
def model(tmp_path):
    """The path of a model whose orders have a depot."""
    packaged = packaged_model()
    manifest = replace(packaged.manifest, context=(Context("depot", ("EWR", "JFK")),))
    model_file.write(replace(packaged, manifest=manifest), tmp_path / "model.npz")
    return str(tmp_path / "model.npz")


@pytest.fixture
def visitor(model):
    return Visitor(app_of(ui="on", model=model))


def orders(count, seed=0):
    draw = random.Random(seed)
    return [
        {
            "order_id": f"O-{number}",
            **{name: draw.uniform(0.0, 10.0) for name in FEATURES},
            "depot": draw.choice(["EWR", "JFK", ""]),
        }
        for number in range(count)
    ]


def file_of(given):
    stream = StringIO(newline="")
    rows = csv.DictWriter(stream, ["order_id", *FEATURES, "depot"])
    rows.writeheader()
    rows.writerows(given)
    return stream.getvalue().encode()


def send(visitor, content, **fields):
    return visitor.send("/ui/upload", fields, {"orders": content})


def downloaded(visitor, content, **fields):
    answer = send(visitor, content, answer="csv", **fields)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ranked-orders.csv"'
    return [*csv.DictReader(StringIO(answer.data.decode("utf-8-sig"), newline=""))]


def scored(visitor, given, **query):
    body = {"orders": [{name: value for name, value in order.items() if value != ""} for order in given]}
    return visitor.client.post("/score", json=body, query_string=query).json


def in_order(answer, by=None):
    def key(each):
        depot = each.get("context", {}).get("depot", "~") if by else ""
        return each["queue"] != "review", depot, each.get("rank", 0), -each["score"], each["order_id"]

    return sorted(answer["results"], key=key)


def reasons_of(result, order):
    """The reasons of a result in words, each with the value and the typical one, which is 5."""
    reasons = result.get("explanation", {"reasons": []})["reasons"]
    return [f"{each['input']} {order[each['input']]:.6g}, {each['side']} typical 5" for each in reasons]


@pytest.mark.parametrize("query", [{}, {"review_top": "7"}, {"review_top": "3", "by": "depot"}])
def test_the_csv_has_the_numbers_of_score_in_the_order_of_their_ranks(visitor, query):
    given = orders(50)
    answer = scored(visitor, given, explain="review", **query)
    expected = in_order(answer, query.get("by"))
    rows = downloaded(visitor, file_of(given), **query)
    assert [(row["order_id"], float(row["score"]), row["queue"]) for row in rows] == [
        (each["order_id"], each["score"], each["queue"]) for each in expected
    ]
    by_id = {order["order_id"]: order for order in given}
    for row, each in zip(rows, expected, strict=True):
        order = by_id[row["order_id"]]
        assert row["reasons"] == "; ".join(reasons_of(each, order))
        assert row["depot"] == each.get("context", {}).get("depot", "")
        assert {name: float(row[name]) for name in FEATURES} == {name: order[name] for name in FEATURES}
        assert row["model_sha256"] == answer["model_sha256"]
    assert [int(row["rank"]) for row in rows] == [each.get("rank", place) for place, each in enumerate(expected, 1)]


@pytest.mark.parametrize("query", [{}, {"review_top": "7"}, {"review_top": "3", "by": "depot"}, {"by": "depot"}])
def test_the_page_shows_the_first_orders_with_their_reasons_and_how_many_go_to_review_of_each_group(visitor, query):
    given = orders(260)
    asked = {name: text for name, text in query.items() if "review_top" in query}
    answer = scored(visitor, given, explain="review", **asked)
    expected = in_order(answer, query.get("by"))
    text = PeoplePage(send(visitor, file_of(given), **query).text).text
    reviews = [each for each in expected if each["queue"] == "review"]
    assert f"{len(reviews)} of 260 orders to review" in text
    assert f"The lowest score to review is {min(each['score'] for each in reviews):.4f}." in text
    shown = max(100, len(reviews))
    places = [text.index(f" {each['order_id']} ") for each in expected[:shown]]
    assert places == sorted(places)
    assert f" {expected[shown]['order_id']} " not in text
    assert f"The first {shown} orders are shown. The CSV file has all 260." in text
    for each in reviews[:20]:
        order = next(order for order in given if order["order_id"] == each["order_id"])
        assert "; ".join(reasons_of(each, order)) in text
    if "by" in query:
        for depot in ("EWR", "JFK", None):
            of_depot = [each for each in expected if each.get("context", {}).get("depot") == depot]
            to_review = sum(each["queue"] == "review" for each in of_depot)
            assert f"{depot or 'without'} {len(of_depot)} {to_review}" in text


def test_rejected_orders_have_their_row_their_id_and_all_that_is_wrong_on_the_page_and_in_the_csv(visitor):
    given = orders(5)
    given[1]["backlog"] = "SECRET"
    given[3] |= {"backlog": "", "weather_severity": "1e999"}
    text = PeoplePage(send(visitor, file_of(given)).text).text
    assert "2 orders are rejected and have no score." in text
    assert "3 O-1 backlog: must be a number" in text
    assert "5 O-3 backlog: must not be null or empty; weather_severity: must be a finite number" in text
    assert "SECRET" not in text
    rows = downloaded(visitor, file_of(given))
    assert [(row["order_id"], row["errors"], row["score"]) for row in rows[3:]] == [
        ("O-1", "/1/backlog: not_a_number", ""),
        ("O-3", "/3/backlog: null; /3/weather_severity: not_finite", ""),
    ]


def test_a_file_is_ranked_again_without_another_upload(visitor):
    content = file_of(orders(30))
    fields = PeoplePage(send(visitor, content, review_top="5").text).fields
    assert fields["name"] == "orders.csv"
    fields |= {"review_top": "9", "answer": "csv"}
    answer = visitor.client.post("/ui/upload", data=fields, headers={"Origin": ORIGIN})
    again = [*csv.DictReader(StringIO(answer.data.decode("utf-8-sig"), newline=""))]
    assert again == downloaded(visitor, content, review_top="9")
    fields["again"] = "not base64!"
    answer = visitor.client.post("/ui/upload", data=fields, headers={"Origin": ORIGIN})
    assert answer.status_code == 422


def test_an_order_of_the_file_is_tried_with_its_values_and_its_score(visitor):
    given = orders(30)
    content = b"\xef\xbb\xbf" + file_of(given).replace(b"\r\n", b"\r\n\r\n", 3)  # blank lines are no orders
    page = PeoplePage(send(visitor, content, review_top="5").text)
    best = in_order(scored(visitor, given, review_top="5"))[0]
    (position,) = (each["value"] for each in page.all("button") if each.get("aria-label") == f"Try {best['order_id']}")
    fields = {name: page.fields[name] for name in ("mark", "again", "name")} | {"position": position}
    answer = visitor.client.post("/ui/try", data=fields, headers={"Origin": ORIGIN})
    tried = PeoplePage(answer.text)
    order = next(order for order in given if order["order_id"] == best["order_id"])
    assert {name: float(tried.fields[f"input-{name}"]) for name in FEATURES} == {name: order[name] for name in FEATURES}
    assert f"Unrounded {best['score']}," in tried.text
    for wrong in ("30", "-1", "x", "", "1e1"):
        answer = visitor.client.post("/ui/try", data=fields | {"position": wrong}, headers={"Origin": ORIGIN})
        assert answer.status_code == 400
        assert "Rank the file again." in PeoplePage(answer.text).text


def test_hostile_texts_are_text_on_the_page_and_no_formula_in_the_csv(visitor):
    given = [order | {"order_id": text, "depot": text} for order, text in zip(orders(len(HOSTILE)), HOSTILE, strict=True)]
    given.append(given[0] | {"order_id": "=2", "backlog": "x"})
    seen = PeoplePage(send(visitor, file_of(given), by="depot").text)
    assert "b" not in {tag for tag, _ in seen.elements}
    for text in HOSTILE:
        assert text in seen.text
    for row in downloaded(visitor, file_of(given)):
        for name in ("order_id", "depot"):
            assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r"))
            assert row[name].removeprefix("'") in {text.removeprefix("'") for text in (*HOSTILE, "=2", "")}
        assert not row["score"] or 0.0 < float(row["score"]) < 1.0


@pytest.mark.parametrize(
    ("content", "fields", "words"),
    [
        (b"", {}, "Choose a file with orders."),
        (b"PK\x03\x04" + bytes(range(256)), {}, "Save it as CSV in UTF-8"),
        (b"order_id;route_disruption;backlog;weather_severity\na;1;2;3\n", {}, "separate cells by commas"),
        (b"order_id,route_disruption,backlog,weather\na,1,2,3\n", {}, "weather"),
        (b"order_id,route_disruption,backlog,weather_severity\n", {}, "must contain at least one order"),
        (b"order_id,route_disruption,backlog,weather_severity\na,1,2\n", {}, "line 2 has 3 cells"),
        (file_of(orders(3)), {"review_top": "0"}, "Enter a number from 1 to 10000"),
        (file_of(orders(3)), {"review_top": "-3"}, "Enter a number from 1 to 10000"),
        (file_of(orders(3)), {"review_top": "1e3"}, "Enter a number from 1 to 10000"),
        (file_of(orders(3)), {"by": "nothing"}, "Choose one of the groups in the list."),
        (file_of(orders(10_001)), {}, "more orders than a batch may have (at most 10000)"),
    ],
)
def test_what_cannot_be_ranked_is_said_with_what_to_do(visitor, content, fields, words):
    answer = send(visitor, content, **fields)
    assert answer.status_code == 422
    assert words in PeoplePage(answer.text).text


def test_a_file_over_the_limit_of_a_batch_is_rejected_by_its_size(tmp_path):
    visitor = Visitor(app_of(ui="on", max_orders="10"))
    answer = visitor.send("/ui/upload", {}, {"orders": file_of(orders(10)) + b" " * 2**20})
    assert answer.status_code == 422
    assert f"The file is larger than {2**20} bytes." in PeoplePage(answer.text).text


def test_nothing_is_counted_recorded_or_logged_of_a_file(model, tmp_path, caplog):
    visitor = Visitor(app_of(ui="on", model=model, decision_log=str(tmp_path)))
    before = samples(visitor.client)
    caplog.set_level("DEBUG")
    given = orders(20)
    given[4]["backlog"] = "SECRET"
    send(visitor, file_of(given))
    downloaded(visitor, file_of(given))
    after = samples(visitor.client)
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name for name in changed if not name.startswith(("http_request", "process_", "python_"))} == set()
    assert not [line for path in tmp_path.rglob("*.jsonl") for line in path.read_text().splitlines()]
    for record in caplog.records:
        assert "SECRET" not in str(vars(record))
        assert str(given[0]["backlog"]) not in str(vars(record))
