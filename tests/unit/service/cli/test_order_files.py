"""How a file of orders is recognised: its encoding, its format and its dialect, or what it is instead."""

import gzip
import hashlib
import json
import zipfile

import pytest

from tests.facts import ORDERS, SCORES
from tests.order_files import HEADER, JSON_LINE, ROWS

TABLE = HEADER + ROWS
SEMICOLONS = TABLE.replace(",", ";").replace(";2;1\n", ";2,0;1\n").replace(";8;9", ";8,0;9").replace(";5;4", ";5,0;4")
LINES = "".join(json.dumps(order) + "\n" for order in ORDERS)
ARRAY = json.dumps(ORDERS)
BOM = "\ufeff"

# The name of a file, its bytes, and what is said of it.
SAME_ORDERS = {
    "CSV": ("o.csv", TABLE.encode(), ""),
    "a tab file": ("o.tsv", TABLE.replace(",", "\t").encode(), "o.tsv: recognised tabs between cells"),
    "semicolons and decimal commas": ("o.csv", SEMICOLONS.encode(), "recognised semicolons between cells and decimal commas"),
    "a line sep=": ("o.csv", ("sep=;\r\n" + SEMICOLONS).encode(), "recognised semicolons"),
    "two byte order marks": ("o.csv", (BOM * 2 + TABLE).encode(), ""),
    "UTF-16 with a mark": ("o.csv", TABLE.encode("utf-16"), "o.csv: recognised UTF-16; --encoding sets another.\n"),
    "big-endian UTF-16 without a mark": ("o.csv", TABLE.encode("utf-16-be"), "o.csv: recognised UTF-16-BE"),
    "UTF-16 of semicolons, gzipped": ("o.csv.gz", gzip.compress(SEMICOLONS.encode("utf-16-le")), "decimal commas"),
    "UTF-32": ("o.csv", TABLE.encode("utf-32"), "recognised UTF-32"),
    "JSON lines": ("o.jsonl", LINES.encode(), ""),
    "JSON lines of UTF-16": ("o.jsonl", LINES.encode("utf-16"), "recognised UTF-16"),
    "JSON lines named .json": ("o.json", LINES.encode(), "recognised the format jsonl; --format sets another"),
    "JSON lines named .CSV": ("o.CSV", LINES.encode(), "recognised the format jsonl"),
    "JSON lines without an ending": ("orders", LINES.encode(), ""),
    "a JSON array": ("o.json", ARRAY.encode(), ""),
    "an array in lines": ("o.jsonl", json.dumps(ORDERS, indent=2).encode(), "recognised the format json;"),
    "names in brackets": ("orders", "".join(f"[k],{line}" for line in TABLE.splitlines(True)).encode(), ""),
    "a request": ("o.json", json.dumps({"orders": ORDERS}).encode("utf-16"), "recognised UTF-16"),
}


@pytest.mark.parametrize(("name", "content", "said"), SAME_ORDERS.values(), ids=SAME_ORDERS)
def test_the_same_orders_have_the_same_scores_in_any_file(run, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    done = run("score", name, "--top", "3", "--out", "out")
    assert done.exit_code == 0, done.stderr
    assert said in done.stderr
    found = sorted(float(word.replace(",", ".")) for word in _scores((tmp_path / "out").read_text()))
    assert all(abs(one - other) < 1e-14 for one, other in zip(found, sorted(SCORES), strict=True))


def _scores(text):
    if text.startswith("{"):
        return [repr(json.loads(line)["score"]) for line in text.splitlines()]
    lines = [line for line in text.splitlines() if not line.startswith("sep=")]
    delimiter = next(each for each in ";\t," if each in lines[0])
    return [line.split(delimiter)[-3] for line in lines[1:]]


def _workbook(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")


UNREADABLE = {
    "PAR1": "a Parquet file; write it as CSV or JSON lines",
    "\x28\xb5\x2f\xfd": "compressed by zstd; compress it by gzip, or not",
    "\xd0\xcf\x11\xe0": "an Excel workbook; export it as CSV",
}


@pytest.mark.parametrize(("begins", "what"), UNREADABLE.items())
def test_a_file_of_another_kind_is_named(run, tmp_path, begins, what):
    (tmp_path / "orders.csv").write_bytes(begins.encode("latin-1") + bytes(100))
    done = run("score", "orders.csv")
    assert (done.exit_code, f"orders.csv: it is {what}." in done.stderr) == (2, True)


def test_a_workbook_is_named(run, tmp_path):
    _workbook(tmp_path / "orders.xlsx")
    done = run("score", "orders.xlsx")
    assert (done.exit_code, "an Excel workbook or another zip archive; export it as CSV" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl", "orders.json"])
@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["plain", "gzipped"])
def test_a_file_of_no_bytes_is_an_error_in_any_format(run, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    done = run("score", name, "--out", "out")
    assert (done.exit_code, f"{name}: the file is empty." in done.stderr, (tmp_path / "out").exists()) == (2, True, False)


def test_a_header_alone_is_a_file_of_no_orders(run):
    done = run("score", given=HEADER)
    assert (done.exit_code, "\n0 orders scored" in done.stderr) == (0, True)


def test_an_encoding_that_is_given_is_used(run, tmp_path):
    (tmp_path / "orders.csv").write_bytes(TABLE.replace("first", "Straße").encode("cp1252"))
    done = run("score", "orders.csv", "--encoding", "cp1252")
    assert (done.exit_code, "Straße" in done.stdout) == (0, True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_file_that_is_not_in_its_encoding_is_an_error(run, tmp_path, encoding):
    (tmp_path / "orders.csv").write_bytes(TABLE.encode(encoding) + b"x")
    done = run("score", "orders.csv")
    assert (done.exit_code, "orders.csv: not all of it is utf-" in done.stderr) == (2, True)


OPTIONS = {
    "--delimiter ab": "--delimiter",
    "--delimiter .": "--delimiter",
    "--encoding base64": "--encoding",
    "--encoding nothing": "--encoding",
    "--decimal ;": "--decimal",
    "--rename backlog": "--rename",
    "--rename backlog=a --rename backlog=b": "--rename",
    "--rename urgency=a": "--rename urgency: the model has no such input",
}


@pytest.mark.parametrize(("options", "said"), OPTIONS.items())
def test_an_option_that_makes_no_sense_is_rejected(run, options, said):
    done = run("score", *options.split(), given=TABLE)
    assert (done.exit_code, said in done.stderr, done.stdout) == (2, True, "")


@pytest.mark.parametrize("option", ["--delimiter", "--decimal", "--na"])
def test_an_option_for_csv_is_rejected_where_the_file_is_json(run, option):
    done = run("score", option, ",", given=JSON_LINE)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"-: {option} is for CSV; JSON has no cells." in done.stderr


def test_options_say_what_is_not_recognised(run):
    text = "Nr|note|backlog|route_disruption|w\nA|x|1,234|2|1\n"
    options = ["--delimiter", "|", "--decimal", ",", "--id", "Nr", "--rename", "weather_severity=w"]
    done = run("score", *options, given=text)
    assert (done.exit_code, done.stdout.splitlines()[1][:16]) == (0, "A|x|1,234|2|1|0,")
    assert run("score", *options, "--provenance", given=text.replace("note", "model_name")).exit_code == 2


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
