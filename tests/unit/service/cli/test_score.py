import csv
import gzip
import hashlib
import json
from pathlib import Path

import pytest

from service import config

HEADER = "order_id,backlog,note,route_disruption,weather_severity\n"
ROWS = "A-104,3,first,2,1\nB-208,7,,8,9\nC-311,9,third,5,4\n"
SCORES = {"A-104": "0.425557483188341", "B-208": "0.9811090380629609", "C-311": "0.7320405018416317"}


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


def test_csv_comes_back_with_its_other_columns_the_score_and_the_queue(run, tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    done = run("score", "orders.csv")
    assert done.exit_code == 0
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["order_id"], row["note"], row["queue"]) for row in rows] == [
        ("A-104", "first", "monitor"),
        ("B-208", "", "review"),
        ("C-311", "third", "review"),
    ]
    assert all(abs(float(row["score"]) - float(SCORES[row["order_id"]])) <= 1e-14 for row in rows)


def test_json_lines_come_back_as_json_lines(run):
    order = {"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1, "note": {"deep": [10**30]}}
    done = run("score", given=json.dumps(order) + "\n")
    (row,) = lines_of(done.stdout)
    assert {name: row[name] for name in order} == order
    assert (row["queue"], done.exit_code) == ("monitor", 0)


def test_a_gzipped_file_is_scored_as_the_plain_one(run, tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS)
    (tmp_path / "orders.csv.gz").write_bytes(gzip.compress((HEADER + ROWS).encode()))
    assert run("score", "orders.csv.gz").stdout == run("score", "orders.csv").stdout


def test_a_byte_order_mark_before_the_header_is_no_part_of_it(run):
    assert run("score", given="\ufeff" + HEADER + ROWS).exit_code == 0


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_json_lines_are_told_from_csv_behind_a_byte_order_mark_too(run, packed):
    order = '{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}'
    done = run("score", given=packed(f"\ufeff \n{order}\n".encode()))
    assert (done.exit_code, [row["order_id"] for row in lines_of(done.stdout)]) == (0, ["A-104"])


def test_what_fails_in_reading_is_said_of_the_file_that_is_read(run):
    done = run("score", "/proc/self/mem", "--format", "csv")
    assert done.exit_code == 2
    assert done.stderr.endswith("Error: /proc/self/mem: Input/output error.\n")


def test_faulty_rows_go_to_a_file_of_their_own_with_line_and_reason(run, tmp_path):
    faulty = 'D,,x,1e400,1\nA-104,1,again,1,1\nE,1,2\nF,01,y,2,"3"\n'
    done = run("score", given=HEADER + ROWS + faulty)
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 1 + 3
    rows = list(csv.reader((tmp_path / "stdin.rejects.csv").read_text().splitlines()))
    assert rows[0] == ["refused_line", "refused_reason", *HEADER.strip().split(",")]
    assert [row[0] for row in rows[1:]] == ["5", "6", "7", "8"]
    assert "backlog: null" in rows[1][1]
    assert "route_disruption: not_finite" in rows[1][1]
    assert "duplicate_order_id" in rows[2][1]
    assert "on line 2" in rows[2][1]
    assert rows[3][1].startswith("not_csv")
    assert rows[4][2:] == ["F", "01", "y", "2", "3"]
    assert "4 rows refused, see stdin.rejects.csv" in done.stderr


def test_the_refused_rows_once_mended_can_be_scored_as_they_are(run, tmp_path):
    run("score", given=HEADER + "D,,x,2,1\n")
    mended = (tmp_path / "stdin.rejects.csv").read_text().replace(",D,,", ",D,3,")
    done = run("score", given=mended)
    assert done.exit_code == 0
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert (row["order_id"], row["refused_line"], row["queue"]) == ("D", "2", "monitor")


def test_without_faulty_rows_no_file_of_rejects_is_made(run, tmp_path):
    run("score", given=HEADER + ROWS)
    assert list(tmp_path.iterdir()) == []


def test_a_closing_line_gives_the_counts_and_the_model(run):
    line = run("score", given=HEADER + ROWS).stderr
    digest = hashlib.sha256(Path(config.DEFAULT_MODEL).read_bytes()).hexdigest()
    made = f"(sha256 {digest}, threshold 0.6, out_of_range_policy review)"
    assert f"3 orders scored by delivery-risk 1.0.0 {made}" in line
    assert "2 to review, 1 to monitor; 0 rows refused." in line


def test_top_keeps_the_highest_scores_with_ties_broken_by_order_id(run):
    tied = "".join(f"{name},3,,2,1\n" for name in ("Z", "M", "A"))
    done = run("score", "--top", "4", given=HEADER + tied + ROWS)
    assert [row["order_id"] for row in csv.DictReader(done.stdout.splitlines())] == ["B-208", "C-311", "A", "A-104"]


def test_an_output_file_is_written_whole(run, tmp_path):
    (tmp_path / "out.csv").write_text("old")
    done = run("score", "--out", "out.csv", given=HEADER + ROWS)
    assert (done.stdout, done.exit_code) == ("", 0)
    assert (tmp_path / "out.csv").read_text().count("\n") == 4


def test_an_output_file_stays_as_it_was_where_the_input_breaks_off(run, tmp_path):
    (tmp_path / "out.csv").write_text("old")
    rows = "".join(f"{n},{n % 9}.{n},,2,1\n" for n in range(60_000))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress((HEADER + rows).encode())[:-2000])
    done = run("score", "cut.csv.gz", "--out", "out.csv")
    assert done.exit_code == 2
    assert "its compressed content is broken" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "cut.csv.gz"}
    assert (tmp_path / "out.csv").read_text() == "old"


@pytest.mark.parametrize("out", [[], ["--out", "out.csv"]])
@pytest.mark.parametrize("place", [-1, -5, 12])
def test_compressed_content_that_is_broken_is_said_of_the_file_that_was_read(run, tmp_path, place, out):
    data = bytearray(gzip.compress((HEADER + "".join(f"{n},3,,2,1\n" for n in range(3000))).encode()))
    data[place] ^= 1
    (tmp_path / "orders.csv.gz").write_bytes(data)
    done = run("score", "orders.csv.gz", *out)
    assert done.exit_code == 2
    assert "orders.csv.gz: its compressed content is broken." in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"orders.csv.gz"}


def test_an_output_file_that_cannot_be_written_ends_it_as_a_file_that_could_not_be_scored(run):
    done = run("score", "--out", "nowhere/out.csv", given=HEADER + ROWS)
    assert done.exit_code == 2
    assert "nowhere/out.csv: No such file or directory." in done.stderr


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("order_id,backlog,route_disruption", "the header has no column weather_severity"),
        ("backlog,route_disruption,weather_severity", "the header has no column order_id"),
        (HEADER.strip() + ",note", "the same name twice"),
        (HEADER.strip() + ",score", "a column score"),
        ("", "no column order_id"),
    ],
)
def test_a_header_that_cannot_be_used_is_said_and_nothing_is_scored(run, header, said):
    done = run("score", given=header + "\n1,2,3,4,5\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_file_whose_format_cannot_be_told_needs_it_said(run, tmp_path):
    (tmp_path / "orders.txt").write_text(HEADER + ROWS)
    assert "give --format" in run("score", "orders.txt").stderr
    assert run("score", "orders.txt", "--format", "csv").exit_code == 0


@pytest.mark.parametrize(("name", "rejects"), [("ORDERS.CSV.GZ", "ORDERS.rejects.csv"), ("a.b.Csv", "a.b.rejects.csv")])
def test_endings_count_in_capitals_too(run, tmp_path, name, rejects):
    (tmp_path / name).write_text(HEADER + "D,,x,2,1\n")
    assert (run("score", name).exit_code, (tmp_path / rejects).exists()) == (1, True)


def test_orders_out_of_range_are_named_and_follow_the_policy(run, monkeypatch):
    given = HEADER + "X,-1,,2,-1\n"
    (row,) = csv.DictReader(run("score", given=given).stdout.splitlines())
    assert (row["queue"], row["out_of_range"]) == ("review", "backlog weather_severity")
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "refuse")
    assert run("score", given=given).exit_code == 1


def test_an_order_scores_the_same_bits_in_a_file_as_over_http(run, client):
    orders = [{"order_id": f"{n}", "route_disruption": n / 7, "backlog": n % 11, "weather_severity": n**0.5} for n in range(90)]
    over_http = {row["order_id"]: row["score"] for row in client.post("/score", json={"orders": orders}).json["results"]}
    in_file = {row["order_id"]: row["score"] for row in lines_of(run("score", given="\n".join(map(json.dumps, orders))).stdout)}
    assert {key: score.hex() for key, score in in_file.items()} == {key: score.hex() for key, score in over_http.items()}


def test_chunks_do_not_show(run, monkeypatch):
    given = HEADER + "".join(f"{n % 50},{n % 9},,2,1\n" for n in range(80))
    whole = run("score", given=given)
    monkeypatch.setattr("service.offline.chunks.CHUNK", 7)
    parted = run("score", given=given)
    assert parted.stdout == whole.stdout
    assert parted.stderr == whole.stderr
