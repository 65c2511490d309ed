import csv
import gzip
import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from schemas.faults import CODES
from service import config
from tests.facts import ORDERS, SCORES
from tests.order_files import HEADER, JSON_LINE, REJECTED, ROWS, many


def rows_of(done):
    return list(csv.DictReader(done.stdout.splitlines()))


def lines_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_csv_keeps_its_other_columns_and_gets_score_and_queue(run, tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    done = run("score", "orders.csv")
    assert (done.exit_code, list(tmp_path.iterdir())) == (0, [tmp_path / "orders.csv"])
    rows = rows_of(done)
    assert [row["order_id"] for row in rows] == [order["order_id"] for order in ORDERS]
    assert [(row["note"], row["queue"]) for row in rows] == [("first", "monitor"), ("", "review"), ("third", "review")]
    assert all(abs(float(row["score"]) - score) <= 1e-14 for row, score in zip(rows, SCORES, strict=True))


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_file_may_be_gzipped_and_begin_with_a_byte_order_mark(run, tmp_path, packed):
    (tmp_path / "orders.csv").write_bytes(packed(f"\ufeff{HEADER}{ROWS}".encode()))
    assert run("score", "orders.csv").stdout == run("score", given=HEADER + ROWS).stdout
    done = run("score", given=packed(f"\ufeff \n{JSON_LINE}".encode()))
    assert (done.exit_code, [row["order_id"] for row in lines_of(done)]) == (0, ["A-104"])


def test_an_error_of_reading_names_the_file_that_is_read(run):
    done = run("score", "/proc/self/mem", "--format", "csv")
    assert done.exit_code == 2
    assert done.stderr.endswith("Error: /proc/self/mem: Input/output error.\n")


def test_rejected_rows_go_to_a_file_of_their_own_with_line_and_reason(run, tmp_path):
    faulty = 'D,,x,1e400,1\nA-104,1,again,1,1\nE,1,2\nF,01,y,2,"3"\n'
    done = run("score", "--rejects", "rejects.csv", given=HEADER + ROWS + faulty)
    assert (done.exit_code, len(rows_of(done))) == (1, 3)
    header, *rows = csv.reader((tmp_path / "rejects.csv").read_text().splitlines())
    assert header == ["refused_line", "refused_reason", *HEADER.strip().split(",")]
    reasons = [
        f"backlog: null ({CODES['null']}); route_disruption: not_finite ({CODES['not_finite']})",
        f"order_id: duplicate_order_id ({CODES['duplicate_order_id']}), on line 2",
        f"not_csv ({CODES['not_csv']}): it has 3 cells, the header 5",
        f"backlog: not_a_number ({CODES['not_a_number']})",
    ]
    assert [row[:2] for row in rows] == [[str(line), reason] for line, reason in enumerate(reasons, 5)]
    assert rows[3][2:] == ["F", "01", "y", "2", "3"]
    assert "4 rows rejected, see rejects.csv; 8 lines read." in done.stderr


def test_rejected_rows_can_be_corrected_and_scored_as_they_are(run, tmp_path):
    run("score", "--rejects", "rejects.csv", given=HEADER + REJECTED)
    done = run("score", given=(tmp_path / "rejects.csv").read_text().replace(",D,,", ",D,3,"))
    assert done.exit_code == 0
    (row,) = rows_of(done)
    assert (row["order_id"], row["refused_line"], row["queue"]) == ("D", "2", "monitor")


def test_the_closing_line_has_the_counts_and_the_model(run):
    digest = hashlib.sha256(Path(config.DEFAULT_MODEL).read_bytes()).hexdigest()
    made = f"(sha256 {digest}, threshold 0.6, out_of_range_policy review)"
    assert run("score", given=HEADER + ROWS).stderr.splitlines(keepends=True)[-1] == (
        f"3 orders scored by delivery-risk 1.0.0 {made}: 2 to review, 1 to monitor; 0 rows rejected; 4 lines read.\n"
    )


def test_top_keeps_the_highest_scores_with_ties_by_order_id(run):
    tied = "".join(f"{name},3,,2,1\n" for name in ("Z", "M", "A"))
    done = run("score", "--top", "4", given=HEADER + tied + ROWS)
    assert [row["order_id"] for row in rows_of(done)] == ["B-208", "C-311", "A", "A-104"]


@pytest.mark.parametrize("out", [[], ["--out", "out.csv"]])
@pytest.mark.parametrize(("place", "size"), [(-1, None), (-5, None), (12, None), (12, -2000)])
def test_broken_compressed_content_is_an_error_of_the_orders_and_no_output_is_changed(run, tmp_path, place, size, out):
    data = bytearray(gzip.compress(many(12_000).encode()))
    data[place] ^= size is None
    (tmp_path / "orders.csv.gz").write_bytes(data[:size])
    (tmp_path / "out.csv").write_text("old")
    done = run("score", "orders.csv.gz", *out)
    assert (done.exit_code, "orders.csv.gz: its compressed content is broken." in done.stderr) == (2, True)
    assert (sorted(os.listdir(tmp_path)), (tmp_path / "out.csv").read_text()) == (["orders.csv.gz", "out.csv"], "old")


@pytest.mark.parametrize(
    ("header", "name"), [("order_id,backlog,route_disruption", "weather_severity"), ("id,route_disruption", "order_id")]
)
def test_an_invalid_header_is_an_error_and_nothing_is_scored(run, header, name):
    done = run("score", given=header + "\n1,2,3,4,5\n")
    assert (done.exit_code, done.stdout, f"the header has no column {name}" in done.stderr) == (2, "", True)


def test_orders_out_of_range_are_named_and_follow_the_policy(run, monkeypatch):
    given = HEADER + "X,-1,,2,-1\n"
    (row,) = rows_of(run("score", given=given))
    assert (row["queue"], row["out_of_range"]) == ("review", "backlog weather_severity")
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "refuse")
    assert run("score", "--rejects", "rejects.csv", given=given).exit_code == 1


def test_an_order_has_the_same_score_in_a_file_and_over_http(run, client):
    orders = [{"order_id": f"{n}", "route_disruption": n / 7, "backlog": n % 11, "weather_severity": n**0.5} for n in range(90)]
    over_http = client.post("/score", json={"orders": orders}).json["results"]
    in_file = lines_of(run("score", given="\n".join(map(json.dumps, orders))))
    pairs = zip(in_file, over_http, strict=True)
    assert all((a["order_id"], a["score"].hex()) == (b["order_id"], b["score"].hex()) for a, b in pairs)


def test_the_size_of_chunks_changes_nothing(run, monkeypatch):
    given = HEADER + "".join(f"{n % 50},{n % 9},,2,1\n" for n in range(80))
    whole = run("score", "--rejects", "rejects.csv", given=given)
    monkeypatch.setattr("service.offline.chunks.CHUNK", 7)
    parted = run("score", "--rejects", "rejects.csv", given=given)
    assert (parted.stdout, parted.stderr) == (whole.stdout, whole.stderr)


def test_a_command_that_fails_unexpectedly_prints_how_and_exits_with_2(run, monkeypatch):
    monkeypatch.setattr("service.cli.score.score_parts", lambda *_: 1 // 0)
    done = run("score", given=HEADER + ROWS)
    assert (done.exit_code, done.stderr.splitlines()[-1].startswith("ZeroDivisionError")) == (2, True)


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=2", '"\r=3"', "-5", "'quoted", "plain"]
CONTROLS = '"\t\r'  # which an order id must not have
SAFE = ["'=1+1", "'+1+1", "'-1+1", "'@SUM(A1)", "'\t=2", "'\r=3", "-5", "'quoted", "plain"]


def test_safe_csv_puts_an_apostrophe_before_formulas_in_results_rejected_rows_and_headers(run, tmp_path):
    header = HEADER.replace("note", "=note")
    given = header + "".join(f"{each.strip(CONTROLS)},3,{each},2,-1\n" for each in FORMULAS) + "\t=x,=1,@y,2,1\n"
    done = run("score", "--safe-csv", "--out", "out.csv", given=given)
    assert done.exit_code == 1
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["'=note"] for row in rows] == SAFE
    assert [row["order_id"] for row in rows] == [re.sub("[\t\r]", "", each) for each in SAFE]
    assert {(row["weather_severity"], row["queue"]) for row in rows} == {("-1", "review")}
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    with open(tmp_path / "out.rejects.csv", newline="") as file:
        (rejected,) = csv.DictReader(file)
    assert [rejected[name] for name in ("order_id", "backlog", "'=note")] == ["'\t=x", "'=1", "'@y"]


def test_without_it_cells_are_copied_as_they_are_and_json_lines_have_none(run):
    assert rows_of(run("score", given=HEADER + "=1+1,3,@x,2,1\n"))[0]["order_id"] == "=1+1"
    done = run("score", "--safe-csv", given=JSON_LINE)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("Error: -: --safe-csv is for CSV; JSON has no cells.\n")
