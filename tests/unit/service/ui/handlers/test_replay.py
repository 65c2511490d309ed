"""/ui/replay: a recorded decision is scored again, and every bit that is not what its model gives is found."""

import json
import logging
import re
import shutil
import struct

import pytest

from service.decisions.pace import OutOfTime
from service.ui import look_up
from tests.apps import app_of, samples
from tests.people_pages import PeoplePage
from tests.recorded_log import LOG, MODELS, orders

RAW = str(MODELS / "raw.npz")
OWN = {"Origin": "http://localhost"}


@pytest.fixture
def answer(client):
    """What four orders were answered, with explanations, changes and ranks."""
    found = client.post("/score?explain=all&changes=true&review_top=1&by=region", json={"orders": [*orders("raw", 4)]})
    assert found.status_code == 200
    return found.json


def replay(client, decision_id, order_id="raw-2"):
    given = {"mark": mark_of(client), "decision": decision_id, "order": order_id}
    answer = client.post("/ui/replay", data=given, headers=OWN)
    assert answer.status_code == 200, answer.text
    return PeoplePage(answer.text)


def mark_of(client):
    return PeoplePage(client.get("/ui/order").text).fields["mark"]


def change(folder, change):
    """Change the one record of a log."""
    (path,) = folder.glob("decisions-*")
    record = json.loads(path.read_bytes())
    change(record)
    path.write_bytes(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return record


def flipped(number):
    """The number with its last bit flipped."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", number))
    return struct.unpack("<d", struct.pack("<Q", bits ^ 1))[0]


def test_the_page_of_an_order_has_a_form_that_replays_its_decision(client, answer):
    found = PeoplePage(client.get("/ui/decisions?order=raw-2").text)
    form = {name: found.fields[name] for name in ("mark", "decision", "order")}
    assert form["decision"] == answer["decision_id"]
    replayed = PeoplePage(client.post("/ui/replay", data=form, headers=OWN).text)
    assert "Everything is identical." in replayed.text
    assert "by bits" in replayed.text
    assert "Orders 4, all of the request" in replayed.text


def test_a_score_that_was_changed_by_one_bit_differs(client, answer, folder):
    change(folder, lambda record: record["scores"].__setitem__(2, flipped(record["scores"][2])))
    text = replay(client, answer["decision_id"]).text
    assert "The record differs" in text
    assert "scores differs 0" in text
    assert "identical" not in text


def test_what_differs_for_other_orders_of_the_request_is_said_to(client, answer, folder):
    change(folder, lambda record: record["queues"].__setitem__(1, "other"))
    text = replay(client, answer["decision_id"]).text
    assert "queues identical 1" in text


def test_what_is_not_about_orders_is_named_by_its_field(client, answer, folder):
    change(folder, lambda record: record.update(threshold=0.25))
    assert "threshold differs, and is not about single orders" in replay(client, answer["decision_id"]).text


@pytest.mark.parametrize("name", ["packaged", "raw", "tanh"])
def test_the_decisions_of_earlier_versions_are_identical_by_their_models_in_a_folder(tmp_path, name):
    log, registry = tmp_path / "log", tmp_path / "models"
    shutil.copytree(LOG, log)
    shutil.copytree(MODELS, registry)
    (registry / "raw.npz").rename(registry / "1.npz")
    digest = re.search(r'"sha256": *"([0-9a-f]{64})"', json.dumps(_records(log, name)[0]))[1]
    (registry / "CURRENT.json").write_text(json.dumps(_history(_records(log, "raw")[0]["model"])))
    client = app_of(ui="on", decision_log=str(log), model=str(registry)).test_client()
    records = [record for record in _records(log, name) if f"{name}-1" in record.get("order_ids", ())]
    assert records
    for record in records:
        text = replay(client, record["decision_id"], f"{name}-1").text
        assert "Everything is identical." in text
        assert digest in text
        assert ("to 1e-12, since the model has tanh or gelu layers" if name == "tanh" else "by bits") in text


def _records(log, name):
    found = [json.loads(line) for path in sorted(log.iterdir()) for line in path.read_bytes().splitlines()]
    names = {"packaged": "delivery-risk", "raw": "raw", "tanh": "made"}
    return [record for record in found if record["model"]["name"] == names[name]]


def _history(model):
    return {"version": model["version"], "file": f"{model['version']}.npz", "sha256": model["sha256"]}


def test_a_model_that_is_not_there_is_the_reason(client, answer, folder):
    change(folder, lambda record: record["model"].update(sha256="0" * 64))
    text = replay(client, answer["decision_id"]).text
    assert "Not replayed. Its model cannot be had: no model file here has its SHA-256." in text
    assert "identical" not in text


def test_values_that_were_omitted_are_the_reason(folder):
    client = app_of(ui="on", decision_log=str(folder), model=RAW, decision_log_omit="values").test_client()
    answer = client.post("/score", json={"orders": [*orders("raw", 4)]}).json
    assert (
        "Not replayed. What made its scores is not in the record: its values are omitted."
        in replay(client, answer["decision_id"]).text
    )


@pytest.mark.parametrize(
    "mutation",
    [
        {"queues": ["review"]},
        {"scores": "AAAA"},
        {"values": []},
        {"values": [[1], [1], [1], [1], [1], [1]]},
        {"selection": {"review_top": "x", "by": 7}},
        {"selection": {"review_top": -1}},
        {"selection": {"review_top": 10**40}},
        {"selection": {"review_top": 1, "by": "x"}},
        {"selection": {"by": "region"}},
        {"selection": {"review_top": 1, "by": "depot"}},
        {"ranks": [1, 1, 1, 1]},
        {"holdout": {"share": 2.0, "orders": [99]}},
        {"explanations": []},
        {"inputs": ["a"]},
        {"context": {}},
        {"context": {"other": [None] * 4}},
        {"order_ids": ["raw-2"] * 4},
        {"policy": "x"},
    ],
    ids=str,
)
def test_a_record_that_was_tampered_with_is_never_identical_nor_a_failure(client, answer, folder, mutation):
    change(folder, lambda record: record.update(mutation))
    assert "Everything is identical." not in replay(client, answer["decision_id"]).text


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+14:00", "2026-11-30T00:00:00"])
def test_a_record_whose_time_cannot_be_compared_with_others_is_not_found(client, answer, folder, at):
    change(folder, lambda record: record.update(at=at))
    assert "The decision was not found about this order." in replay(client, answer["decision_id"]).text


def test_a_decision_about_another_order_is_not_found(client, answer):
    text = replay(client, answer["decision_id"], "raw-9").text
    assert "The decision was not found about this order. All of the log was searched: 1 of 1 files." in text
    assert "The decision was not found" in replay(client, "0123456789abcdef-0-1").text


def test_a_search_for_a_decision_that_ends_early_says_so(client, answer, monkeypatch):
    mark = mark_of(client)

    class Listing:
        """Time for the files to be listed alone."""

        def __init__(self, _seconds):
            self._left = 1

        def __call__(self):
            self._left -= 1
            if self._left < 0:
                raise OutOfTime

    monkeypatch.setattr(look_up, "Pace", Listing)
    given = {"mark": mark, "decision": answer["decision_id"], "order": "raw-2"}
    assert (
        "A part of the log was searched: 0 of 1 files."
        in PeoplePage(client.post("/ui/replay", data=given, headers=OWN).text).text
    )


def test_a_search_for_a_model_ends_in_time_too(client, answer, folder, monkeypatch):
    change(folder, lambda record: record["model"].update(sha256="0" * 64))
    mark = mark_of(client)

    class Reading:
        """Time for all but the model files: to list the log's file, to read its one block, and the line in it."""

        def __init__(self, _seconds):
            self._left = 2

        def __call__(self):
            self._left -= 1
            if self._left < 0:
                raise OutOfTime

    monkeypatch.setattr(look_up, "Pace", Reading)
    given = {"mark": mark, "decision": answer["decision_id"], "order": "raw-2"}
    text = PeoplePage(client.post("/ui/replay", data=given, headers=OWN).text).text
    assert "There was no time to find its model among all model files." in text


@pytest.mark.parametrize(("order_id", "decision_id"), [("", "a"), ("a" * 129, "a"), ("a", ""), ("a", "\0"), ("a", "d" * 129)])
def test_ids_that_none_has_are_errors(client, order_id, decision_id):
    given = {"mark": mark_of(client), "decision": decision_id, "order": order_id}
    assert client.post("/ui/replay", data=given, headers=OWN).status_code == 422


def test_a_form_from_elsewhere_or_without_its_mark_is_not_taken(client, answer):
    given = {"mark": mark_of(client), "decision": answer["decision_id"], "order": "raw-2"}
    assert client.post("/ui/replay", data=given).status_code == 403
    assert client.post("/ui/replay", data=given, headers={"Origin": "http://elsewhere"}).status_code == 403
    assert client.post("/ui/replay", data=given | {"mark": "x"}, headers=OWN).status_code == 403


def test_where_no_log_is_kept_nothing_is_replayed():
    client = app_of(ui="on").test_client()
    given = {"mark": mark_of(client), "decision": "a", "order": "a"}
    answer = client.post("/ui/replay", data=given, headers=OWN)
    assert answer.status_code == 404
    assert "DELIVERY_RISK_DECISION_LOG" in answer.text


def test_a_replay_records_and_counts_nothing_and_logs_no_value(client, answer, folder, caplog):
    def state():
        counted = {name: value for name, value in samples(client).items() if "_seconds" not in name and "/ui" not in name}
        counted = {name: value for name, value in counted.items() if "orders" in name or "score" in name or "decision" in name}
        return counted, {path.name: path.read_bytes() for path in folder.iterdir()}

    before = state()
    with caplog.at_level(logging.DEBUG):
        assert "Everything is identical." in replay(client, answer["decision_id"]).text
    assert state() == before
    logged = "".join(str(vars(record)) for record in caplog.records)
    assert "raw-2" not in logged
    assert "10000" not in logged
