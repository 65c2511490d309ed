"""The options that say how a file of orders is read, and what a run says of its files."""

import gzip
import hashlib
import json

import pytest

from tests.facts import ORDERS, SCORES
from tests.order_files import HEADER, JSON_LINE, ROWS

TABLE = HEADER + ROWS
LINES = "".join(json.dumps(order) + "\n" for order in ORDERS)


def test_what_is_recognised_and_what_is_wrong_is_said_with_the_path(run, tmp_path):
    (tmp_path / "o.csv").write_bytes(TABLE.encode("utf-16") + b"x")
    done = run("score", "o.csv", "--out", "out")
    assert (done.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert "o.csv: recognised UTF-16; --encoding sets another.\n" in done.stderr
    assert done.stderr.endswith("\nError: o.csv: not all of it is utf-16-le; give its --encoding.\n")


def test_a_header_alone_is_a_file_of_no_orders(run):
    done = run("score", given=HEADER)
    assert (done.exit_code, "\n0 orders scored" in done.stderr) == (0, True)


OPTIONS = {
    "--delimiter ab": "--delimiter",
    "--delimiter .": "--delimiter",
    "--encoding base64": "--encoding",
    "--encoding nothing": "--encoding",
    "--decimal ;": "--decimal",
    "--rename backlog": "--rename",
    "--rename backlog=a --rename backlog=b": "--rename",
    "--rename urgency=a": "Error: --rename urgency: the model has no such input.\n",
}


@pytest.mark.parametrize(("options", "said"), OPTIONS.items())
def test_an_option_that_makes_no_sense_is_rejected(run, options, said):
    done = run("score", *options.split(), given=TABLE)
    assert (done.exit_code, said in done.stderr, done.stdout) == (2, True, "")


def test_options_say_what_is_not_recognised(run):
    text = "Nr|note|backlog|route_disruption|w\nA|ß|1,234|2|1\n"
    options = ["--encoding", "cp1252", "--delimiter", "|", "--decimal", ",", "--id", "Nr", "--rename", "weather_severity=w"]
    done = run("score", *options, given=text.encode("cp1252"))
    assert (done.exit_code, done.stdout.splitlines()[1][:16]) == (0, "A|ß|1,234|2|1|0,")
    assert run("score", *options, "--provenance", given=text.replace("note", "model_name").encode("cp1252")).exit_code == 2


def test_the_lines_that_pandas_writes_are_scored(run):
    lines = '{"order_id":104,"route_disruption":2.0,"backlog":3,"weather_severity":1.0,"note":null,"path":"a\\/b"}\n'
    assert run("score", "--rejects", "rejects", given=lines).exit_code == 1
    done = run("score", "--id", "order_id", given=lines)
    assert (done.exit_code, json.loads(done.stdout)["order_id"]) == (0, 104)


def test_rejected_lines_are_corrected_in_their_file_and_scored_again(run, tmp_path):
    run("score", "--rejects", "rejects.jsonl", given=JSON_LINE.replace("3", "null"))
    corrected = (tmp_path / "rejects.jsonl").read_text().replace("null", "3")
    done = run("score", given=corrected)
    assert (done.exit_code, json.loads(done.stdout)["score"]) == (0, SCORES[0])


def test_a_manifest_has_what_made_the_results_and_the_digests_of_all_files(run, tmp_path):
    content = gzip.compress((HEADER + ROWS + "D,,x,2,1\n").encode())
    (tmp_path / "orders.csv.gz").write_bytes(content)
    done = run("score", "orders.csv.gz", "--out", "out.csv.gz", "--manifest")
    assert done.exit_code == 1
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    digests = {name: hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() for name, path in FILES.items()}
    assert manifest.pop("sha256") == digests
    assert manifest.pop("model_sha256") in done.stderr
    assert manifest.pop("service_version")
    assert manifest == {
        "model_name": "delivery-risk",
        "model_version": "1.0.0",
        "threshold": 0.6,
        "out_of_range_policy": "review",
        "top": None,
        "orders": 3,
        "review": 2,
        "monitor": 1,
        "rejected": 1,
        "lines": 5,
    }


FILES = {"file": "orders.csv.gz", "out": "out.csv.gz", "rejects": "out.rejects.csv"}


def test_a_manifest_needs_a_file_beside_which_it_is_written(run):
    done = run("score", "--manifest", given=TABLE)
    assert (done.exit_code, "--manifest needs --out FILE" in done.stderr) == (2, True)


@pytest.mark.parametrize("given", [TABLE, LINES])
def test_provenance_is_added_to_every_result(run, given):
    done = run("score", "--provenance", given=given)
    assert done.exit_code == 0
    if given == LINES:
        assert {json.loads(line)["model_version"] for line in done.stdout.splitlines()} == {"1.0.0"}
        assert {json.loads(line)["threshold"] for line in done.stdout.splitlines()} == {0.6}
    else:
        header, *rows = done.stdout.splitlines()
        assert header.endswith(",score,queue,out_of_range,model_name,model_version,model_sha256,threshold")
        assert all(row.split(",")[-4::3] == ["delivery-risk", "0.6"] for row in rows)
