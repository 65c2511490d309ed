"""Try an order: the page says what /score says of the same order, and nothing is recorded or counted."""

import pytest

from model.artifact import model_file
from model.core.manifest import Feature, Input
from model.core.network import Network
from model.registry.references import VersionReference
from service.ui.trial import trial
from tests.apps import app_of, samples, service_of
from tests.facts import FEATURES, ORDERS
from tests.models import layer, model_of
from tests.people_pages import PeoplePage
from tests.raw_orders import ORDERS as RAW_ORDERS
from tests.raw_orders import raw_model
from tests.visitors import Visitor


@pytest.fixture
def visitor():
    return Visitor(app_of(ui="on"))


def fields(order):
    return {f"input-{name}": "" if value is None else str(value) for name, value in order.items() if name != "order_id"}


def answer_of(visitor, order):
    query = {"explain": "all", "changes": "true"}
    return visitor.client.post("/score", json={"orders": [order]}, query_string=query).json["results"][0]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order["order_id"])
def test_an_order_gets_the_score_the_queue_and_the_changes_of_score(visitor, order):
    expected = answer_of(visitor, order)
    text = PeoplePage(visitor.send("/ui/order", fields(order)).text).text
    assert f"Unrounded {expected['score']}," in text
    assert f"{expected['score']:.4f} {expected['queue']}" in text
    for name, amount in expected["explanation"]["contributions"].items():
        assert f"{name} {order[name]} {amount:+.3f}".replace(" +0.000", " 0") in text
    for name, value in expected["explanation"]["changes"].items():
        assert f"{name} {order[name]} {'no value' if value is None else repr(value).removesuffix('.0')}" in text


@pytest.mark.parametrize("order", RAW_ORDERS, ids=lambda order: order["order_id"])
def test_an_order_with_gaps_and_categories_gets_the_score_of_score(tmp_path, order):
    model_file.write(raw_model(), tmp_path / "raw.npz")
    visitor = Visitor(app_of(ui="on", model=str(tmp_path / "raw.npz")))
    expected = answer_of(visitor, order)
    page = PeoplePage(visitor.send("/ui/order", fields(order)).text)
    assert f"Unrounded {expected['score']}," in page.text
    shown = {name: value for name, value, _, _ in page.tables["What each input adds"][1:]}
    for what, words in (("imputed", "missing"), ("out_of_range", "outside the range"), ("unknown", "unknown to the model")):
        assert [name for name in sorted(shown) if words in shown[name]] == sorted(expected.get(what, [])), what
    assert all(value.count("missing") < 2 for value in shown.values())


def test_the_form_has_a_typical_order_that_can_be_scored_as_it_is(visitor):
    given = visitor.see("/ui/order").fields
    assert {name: text for name, text in given.items() if name != "mark"} == {f"input-{name}": "5" for name in FEATURES}
    assert visitor.send("/ui/order", given).status_code == 200


def test_each_wrong_value_is_named_at_its_field_and_not_lost(visitor):
    answer = visitor.send("/ui/order", {"input-route_disruption": "SECRET", "input-backlog": "", "input-weather_severity": "3"})
    seen = PeoplePage(answer.text)
    assert answer.status_code == 422
    assert seen.fields["input-route_disruption"] == "SECRET"
    assert seen.fields["input-weather_severity"] == "3"
    invalid = [given["name"] for _, given in seen.elements if given.get("aria-invalid")]
    assert invalid == ["input-route_disruption", "input-backlog"]
    assert "must be a number, such as 12, -0.5 or 2e3" in seen.text
    assert "SECRET" not in seen.text


def test_an_order_out_of_range_goes_to_review_or_is_rejected_by_the_policy():
    for policy, status, words in (
        ("review", 200, "the score is below the threshold, but an input is out of range"),
        ("refuse", 422, "outside the range"),
    ):
        visitor = Visitor(app_of(ui="on", out_of_range=policy))
        order = {"route_disruption": -0.5, "backlog": 0, "weather_severity": 0}
        answer = visitor.send("/ui/order", fields(order))
        assert answer.status_code == status
        assert words in PeoplePage(answer.text).text


def test_nothing_is_counted_recorded_or_logged_of_an_order(tmp_path, caplog):
    visitor = Visitor(app_of(ui="on", decision_log=str(tmp_path)))
    before = samples(visitor.client)
    caplog.set_level("DEBUG")
    visitor.send("/ui/order", fields(ORDERS[1]) | {"input-backlog": "7.123456"})
    visitor.send("/ui/order", fields(ORDERS[1]) | {"input-backlog": "SECRET"})
    after = samples(visitor.client)
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name for name in changed if not name.startswith(("http_request", "process_", "python_"))} == set()
    assert not [line for path in tmp_path.rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert "7.123456" not in caplog.text
    assert "SECRET" not in caplog.text
    for record in caplog.records:
        assert "7.123456" not in str(vars(record))
        assert "SECRET" not in str(vars(record))


def test_a_model_without_exact_explanations_gives_a_score_alone(tmp_path):
    network = Network((layer([[1.0, 2.0]], [0.5], "tanh"), layer([[1.0]], [0.0])))
    model_file.write(model_of(network), tmp_path / "tanh.npz")
    visitor = Visitor(app_of(ui="on", model=str(tmp_path / "tanh.npz")))
    order = {"order_id": "A", "f0": 0.25, "f1": -0.5}
    expected = visitor.client.post("/score", json={"orders": [order]}).json["results"][0]["score"]
    text = PeoplePage(visitor.send("/ui/order", fields(order)).text).text
    assert f"Unrounded {expected}," in text
    assert "no exact explanations" in text


@pytest.mark.parametrize("text", ["1\n2", "1,2", '1"2', "\x00", "é", "=1+1", " 5 "])
def test_a_value_that_csv_would_divide_stays_one_value(visitor, text):
    answer = visitor.send("/ui/order", fields(ORDERS[0]) | {"input-backlog": text})
    assert answer.status_code == (200 if text == " 5 " else 422)
    if text == " 5 ":
        expected = answer_of(visitor, ORDERS[0] | {"backlog": 5})["score"]
        assert f"Unrounded {expected}," in PeoplePage(answer.text).text


@pytest.mark.parametrize("unknown", ["refuse", "none"])
def test_a_category_with_spaces_is_chosen_as_it_is_written(tmp_path, unknown):
    inputs = (Input("carrier", kind="category", values=(" A", "A", "A  B"), unknown=unknown),)
    features = [Feature(f"is_{at}", "carrier", "is", (value,)) for at, value in enumerate(inputs[0].values)]
    model_file.write(raw_model(inputs, features, {"carrier": "A"}), tmp_path / "spaced.npz")
    visitor = Visitor(app_of(ui="on", model=str(tmp_path / "spaced.npz")))
    offered = [given["value"] for given in visitor.see("/ui/order").all("option") if given["value"]]
    assert offered == [*inputs[0].values]
    for value in (*offered, "A "):
        expected = answer_of(visitor, {"order_id": "A", "carrier": value if value in offered else "A"})["score"]
        text = PeoplePage(visitor.send("/ui/order", {"input-carrier": value}).text).text
        assert f"Unrounded {expected}," in text


def test_an_order_is_scored_by_the_model_that_was_active_when_its_form_arrived(monkeypatch):
    service = service_of(ui="on")
    visitor = Visitor(service.app)
    expected = answer_of(visitor, ORDERS[0])["score"]

    def changed_before(*given):
        service.serving.set_champion(raw_model(), VersionReference("1", "raw.npz", "0" * 64))
        return trial(*given)

    monkeypatch.setattr("service.ui.handlers.order.trial", changed_before)
    assert f"Unrounded {expected}," in PeoplePage(visitor.send("/ui/order", fields(ORDERS[0])).text).text
