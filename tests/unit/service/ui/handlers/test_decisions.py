"""/ui/decisions: what the service answered about an order is found in its log, with its reasons and its outcome."""

import gzip
import json
import logging
import os
import re
from urllib.parse import quote

import pytest

from service.decisions.pace import OutOfTime
from service.ui import look_up
from tests.apps import app_of, samples, service_of
from tests.people_pages import PeoplePage
from tests.recorded_log import MODELS, orders

RAW = str(MODELS / "raw.npz")
HOSTILE = '<script>alert("1")</script>\'{{7*7}}\u202egnp & #?%00'


def scored(client, query="", count=4, **changed):
    rows = [row | changed if at == 2 else row for at, row in enumerate(orders("raw", count))]
    answer = client.post(f"/score{query}", json={"orders": rows})
    assert answer.status_code == 200, answer.json
    return answer.json


def page(client, order_id="raw-2", status=200):
    answer = client.get(f"/ui/decisions?order={quote(order_id, safe='')}")
    assert answer.status_code == status, answer.text
    return PeoplePage(answer.text)


def test_a_decision_shows_what_was_answered_with_its_reasons(client):
    answer = scored(client, "?explain=all&changes=true")
    result = answer["results"][2]
    text = page(client).text
    assert "1 decision about raw-2" in text
    assert answer["decision_id"] in text
    assert f"Score {result['score']!r}" in text
    assert "the score reaches the threshold" in text.lower()
    assert f" {result['queue']} " in text
    explanation = result["explanation"]
    for name, amount in explanation["contributions"].items():
        assert f" {amount:+.3f} ".replace(" +0.000 ", " 0 ").replace(" -0.000 ", " 0 ") in text, name
    for reason in explanation["reasons"]:
        assert reason["text"] in text
    assert "backlog missing" in text
    assert f"distance 10000 {explanation['contributions']['distance']:+.3f}" in text
    assert "month 13 outside the range of training" in text
    assert "north" in text


def test_changes_are_shown_as_they_were_answered(client):
    answer = scored(client, "?explain=all&changes=true")
    at, changes = next(
        (at, each["explanation"]["changes"]) for at, each in enumerate(answer["results"]) if each["explanation"]["changes"]
    )
    text = page(client, f"raw-{at}").text.split("What would have changed the queue")[1]
    for name, to in changes.items():
        assert name in text
        if isinstance(to, float):
            assert repr(to).removesuffix(".0") in text


def test_decisions_come_the_newest_first_with_rank_and_selection(client):
    first, second = scored(client), scored(client, "?review_top=1&by=region", 8)
    text = page(client).text
    assert "2 decisions about raw-2" in text
    assert text.index(second["decision_id"]) < text.index(first["decision_id"])
    rank = second["results"][2]["rank"]
    assert f"Rank {rank} of its region; the first 1 of each went to review." in text
    assert "No reasons were recorded" in text


def test_the_outcome_is_the_one_that_was_known_last(client):
    scored(client)
    assert "Outcome None in the log" in page(client).text
    for late, at, acted in ((True, "2026-11-30T05:00:00Z", False), (False, "2026-11-29T05:00:00Z", True)):
        outcome = {"order_id": "raw-2", "late": late, "at": at, "acted_on": acted}
        assert client.post("/outcomes", json={"outcomes": [outcome]}).status_code == 200
    assert "Outcome Late , known at 2026-11-30 05:00 UTC. Nobody acted on it." in page(client).text


def test_values_that_the_log_omits_are_said_to_be_omitted(folder):
    client = app_of(ui="on", decision_log=str(folder), model=RAW, decision_log_omit="values,context").test_client()
    scored(client)
    text = page(client).text
    assert "The values of orders are omitted from this log." in text
    assert "10000" not in text


@pytest.mark.parametrize("order_id", [HOSTILE, "\u200bé", "a" * 128, "x", "'", '"', "../..", "&order=raw-1"])
def test_any_id_and_context_are_text(client, order_id):
    scored(client, order_id=order_id, region=HOSTILE)
    found = page(client, order_id)
    assert f"1 decision about {order_id}" in found.text
    assert HOSTILE in found.text
    assert not found.all("script")
    assert order_id in found.all_fields["order"]


@pytest.mark.parametrize("order_id", ["", "a" * 129, "a\0b", "a\nb", "\x85b"])
def test_an_id_that_no_order_has_is_an_error_on_the_page(client, order_id):
    found = page(client, order_id, 422)
    assert "An order id has 1 to 128 characters" in found.text
    assert found.all_fields["order"] == [""]


def test_an_id_counts_with_its_spaces_and_one_without_them_is_a_link(client):
    scored(client, order_id=" a ")
    assert "1 decision about a" in page(client, " a ").text
    assert "No decisions about" in page(client, "a").text
    answer = client.get("/ui/decisions?order=%20raw-1")
    assert 'href="decisions?order=raw-1"' in answer.text
    assert "1 decision about raw-1" in page(client, "raw-1").text


def test_an_order_that_was_never_scored_has_no_decision(client):
    scored(client)
    text = page(client, "raw").text
    assert "No decisions about raw " in text
    assert "All of the log: 1 file" in text


def test_without_an_id_the_page_says_what_the_log_holds(client, folder):
    assert "The log is empty" in PeoplePage(client.get("/ui/decisions").text).text
    answer = scored(client)
    (path,) = folder.glob("decisions-*")
    begins = json.loads(path.read_bytes())["at"][:16].replace("T", " ")
    text = PeoplePage(client.get("/ui/decisions").text).text
    assert f"1 file of decisions, {-(-path.stat().st_size // 1000)} kB in all. The oldest one begins at {begins} UTC." in text
    assert answer["decision_id"] not in text


def test_a_line_that_cannot_be_read_is_named_without_its_folder(client, folder):
    scored(client)
    (folder / "decisions-z.jsonl").write_bytes(b'{"v":1}\n{"order_ids":["raw-2"]}\n')
    (folder / "decisions-y.jsonl.gz").write_bytes(gzip.compress(b"x" * 99)[:-5])
    found = page(client)
    assert "1 decision about raw-2" in found.text
    assert "Not readable: decisions-z.jsonl: line 2: not a decision record" in found.text
    assert "Not readable: decisions-y.jsonl.gz: cannot be read (its gzip data is damaged)" in found.text
    assert str(folder) not in found.text


def test_of_very_many_lines_that_cannot_be_read_the_others_are_counted(client, folder):
    (folder / "decisions-z.jsonl").write_bytes(25 * b'{"order_ids":["raw-2"]}\n')
    text = page(client).text
    assert text.count("Not readable: decisions-z.jsonl: line") == 20
    assert "5 more lines or files are not readable." in text


def test_a_line_that_is_being_written_is_no_error(client, folder):
    scored(client)
    (path,) = folder.glob("decisions-*")
    with path.open("ab") as file:
        file.write(path.read_bytes()[:-20])
    found = page(client)
    assert "1 decision about raw-2" in found.text
    assert "Not readable" not in found.text


MUTATIONS = [
    {"at": "2026-11-30T06:20:37"},
    {"at": "0001-01-01T00:00:00+14:00"},
    {"scores": [1.0]},
    {"logits": "AAAA"},
    {"queues": ["review"]},
    {"out_of_range": {"backlog": [2, 99]}},
    {"selection": {"review_top": {"a": []}}, "ranks": [1, 2, 3, 4]},
    {"explanations": {"orders": [2]}},
    {"explanations": {"orders": [2], "base": "x", "reasons": [[{}]], "contributions": {"backlog": ["much"]}}},
    {"explanations": {"orders": [2], "base": 1, "reasons": [7], "contributions": []}},
    {"explanations": [1]},
    {"explanations": None},
    {"context": {"region": []}},
    {"values": []},
    {"threshold": 1e308},
    {"scores": [None, None, None, None]},
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_record_that_was_tampered_with_never_ends_in_a_failure(client, folder, mutation):
    scored(client, "?explain=all&changes=true")
    (path,) = folder.glob("decisions-*")
    record = json.loads(path.read_bytes()) | mutation
    path.write_bytes(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    text = page(client).text
    assert "1 decision about" in text or "Not readable: decisions-" in text


@pytest.mark.parametrize("at", ["2026-11-30T06:20:37", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_compared_is_named(client, folder, at):
    scored(client)
    (path,) = folder.glob("decisions-*")
    path.write_bytes(re.sub(rb'"at":"[^"]+"', b'"at":"%b"' % at.encode(), path.read_bytes()))
    assert f"Not readable: {path.name}: line 1: a time without a zone, or out of range" in page(client).text


def test_a_search_that_ends_early_says_from_when_on_it_is_complete(client, folder, monkeypatch):
    scored(client)
    (path,) = folder.glob("decisions-*")
    os.utime(path, (1.6e9, 1.6e9))  # 2020-09-13 12:26:40
    other = folder / "decisions-z.jsonl"
    other.write_bytes(1_000_000 * b"\n")

    class Short:
        """Time for the files to be listed, and for what is in the newer one."""

        def __init__(self, _seconds):
            self._left = 2 + 4

        def __call__(self):
            self._left -= 1
            if self._left < 0:
                raise OutOfTime

    monkeypatch.setattr(look_up, "Pace", Short)
    text = page(client).text
    assert "No decisions about raw-2" in text
    assert "A part of the log" in text
    assert "1 of 2 files, 1.0 MB of 1.0 MB. Everything recorded since 2020-09-13 12:27 UTC was searched." in text
    assert "delivery-risk decisions find DIR --order ID" in text
    assert "None found in what was searched" in text


def test_a_look_up_has_two_seconds(client, monkeypatch):
    given = []
    real = look_up.Pace
    monkeypatch.setattr(look_up, "Pace", lambda seconds: given.append(seconds) or real(seconds))
    page(client)
    assert given == [2.0]


def test_one_look_up_at_a_time_is_made(client):
    visited = client.get("/ui/decisions?order=a")
    assert visited.status_code == 200
    assert look_up._turn.acquire(blocking=False)
    try:
        answer = client.get("/ui/decisions?order=a")
    finally:
        look_up._turn.release()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Another look-up is running" in answer.text
    assert client.get("/ui/decisions?order=a").status_code == 200


def test_a_folder_that_is_gone_is_an_error_without_its_path(client, folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    answer = client.get("/ui/decisions?order=a")
    assert answer.status_code == 503
    assert str(folder) not in answer.text
    assert client.get("/ui/decisions?order=a").status_code == 503  # the turn was given back


def test_where_no_log_is_kept_the_page_says_what_to_set():
    client = app_of(ui="on").test_client()
    answer = client.get("/ui/decisions?order=a")
    assert answer.status_code == 404
    assert "DELIVERY_RISK_DECISION_LOG" in answer.text
    assert "decisions" not in client.get("/ui").text.lower()


def test_a_look_up_counts_no_order_and_logs_no_id(client, caplog):
    scored(client)
    before = {name: value for name, value in samples(client).items() if "orders" in name or "decision" in name}
    with caplog.at_level(logging.DEBUG):
        page(client)
    assert "raw-2" not in "".join(str(vars(record)) for record in caplog.records)
    assert {name: value for name, value in samples(client).items() if name in before} == before


def test_of_very_many_decisions_the_newest_are_shown_and_the_others_counted(client):
    answers = [scored(client)["decision_id"] for _ in range(52)]
    found = page(client)
    assert "52 decisions about raw-2" in found.text
    assert "The newest 50 are shown." in found.text
    assert found.all_fields["decision"] == answers[:1:-1]


@pytest.mark.parametrize(("scopes", "status"), [("score,read", 403), ("audit", 200)])
def test_who_lacks_the_scope_audit_sees_neither_the_page_nor_its_link(folder, tmp_path, scopes, status):
    (tmp_path / "key").write_bytes(b"k" * 64)
    (tmp_path / "key").chmod(0o600)
    proxy = {
        "ui_key_file": str(tmp_path / "key"),
        "ui_user_header": "X-User",
        "ui_user_header_from": "127.0.0.1",
        "ui_user_scopes": scopes,
    }
    client = app_of(ui="on", decision_log=str(folder), model=RAW, **proxy).test_client()
    headers = {"X-User": "ana", "Origin": "http://localhost"}
    assert client.get("/ui/decisions?order=a", headers=headers).status_code == status
    posted = client.post("/ui/replay", data={"mark": "x"}, headers=headers)
    assert ("scope audit" in posted.text) == (status == 403)
    assert ("Find what was decided" in client.get("/ui", headers=headers).text) == (status == 200)


def test_a_look_up_takes_a_permit_and_gives_it_back(folder, monkeypatch):
    service, busy = service_of(ui="on", decision_log=str(folder), model=RAW), []
    real = look_up.newest_first
    monkeypatch.setattr(look_up, "newest_first", lambda *given: busy.append(service.concurrency_limit.busy()) or real(*given))
    client = service.app.test_client()
    for path in ("/ui/decisions", "/ui/decisions?order=a"):
        assert client.get(path).status_code == 200
        assert busy.pop() is True
        assert not service.concurrency_limit.busy()
