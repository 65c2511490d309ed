"""delivery-risk decisions find: every decision of an order."""

import json

from tests.recorded_log import LOG


def expected(order_id):
    """The records with the order, by the text of the log alone."""
    lines = [json.loads(line) for path in LOG.iterdir() for line in path.read_bytes().splitlines()]
    return sorted((each for each in lines if order_id in each.get("order_ids", ())), key=lambda each: each["at"])


def test_every_decision_of_an_order_is_printed_oldest_first(run):
    records = expected("raw-2")
    done = run("decisions", "find", LOG, "--order", "raw-2", "--json")
    assert done.exit_code == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["decision_id"] for each in found] == [each["decision_id"] for each in records]
    assert len(found) == 5
    for each, record in zip(found, records, strict=True):
        at = record["order_ids"].index("raw-2")
        assert each["queue"] == record["queues"][at]
        if isinstance(record["scores"], list):
            assert each["score"] == record["scores"][at]
        assert each["values"] == {"backlog": None, "distance": 1e4, "carrier": "ü", "depot": None, "size": None, "month": 13.0}
        assert each["imputed"] == ["backlog", "depot", "size"]
    explained = [each["explanation"] for each in found if "explanation" in each]
    assert all(each["reasons"] and each["contributions"].keys() == found[0]["values"].keys() for each in explained)
    assert explained


def test_the_text_has_the_reasons_and_escapes_what_is_not_printable(run, tmp_path):
    done = run("decisions", "find", LOG, "--order", "raw-2")
    assert "  reasons       backlog missing (+4.32007); " in done.stdout
    (tmp_path / "decisions.jsonl").write_bytes(
        b"".join(path.read_bytes() for path in LOG.iterdir()).replace(b'"elsewhere"', '"else\u202e"'.encode())
    )
    assert "else\\u202e" in run("decisions", "find", "decisions.jsonl", "--order", "raw-1").stdout


def test_an_order_without_a_decision_exits_with_1_and_a_line_that_cannot_be_read_with_2(run, tmp_path):
    assert run("decisions", "find", LOG, "--order", "raw").exit_code == 1
    (tmp_path / "decisions.jsonl").write_bytes(b'{"order_ids": ["raw"]}\n')
    done = run("decisions", "find", "decisions.jsonl", "--order", "raw")
    assert (done.exit_code, done.stderr) == (2, "decisions.jsonl: line 1: not a decision record\n")
    (tmp_path / "none").mkdir()
    assert run("decisions", "find", "none", "--order", "raw").exit_code == 2
