"""`delivery-risk bulk check`: results that are as recorded, faults planted in them, and ids that several parts have."""

import gzip
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.facts import FEATURES, ORDER

NAMES = ["order_id", *FEATURES]


def csv(*ids, delimiter=","):
    return "\n".join(delimiter.join(row) for row in [NAMES, *([id, "2", "3", "1"] for id in ids)]) + "\n"


def jsonl(*ids):
    return "".join(json.dumps(ORDER | {"order_id": id}) + "\n" for id in ids)


def parquet(path, *ids, column="order_id"):
    pq.write_table(pa.table({column: ids} | {name: [1.0] * len(ids) for name in FEATURES}), path)


@pytest.fixture
def scored(run, tmp_path):
    """Score the files of the folder `in` into `out`."""

    def scored(*options):
        done = run("bulk", tmp_path / "in", tmp_path / "out", *options)
        assert done.exit_code == 0, done.stderr

    Path("in/far").mkdir(parents=True)
    return scored


@pytest.fixture
def three(scored):
    """Results of three files of three formats, one of which has a rejected row."""
    Path("in/a.csv").write_text(csv("A", "B") + "C,x,1,1\n")
    Path("in/far/b.jsonl.gz").write_bytes(gzip.compress(jsonl("D", "E").encode()))
    parquet("in/c.parquet", "F", "G", "H")
    scored()


def test_results_that_are_as_recorded_are_right(run, three):
    done = run("bulk", "check", "out", "--jobs", "3")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "3 parts are as recorded, with 7 ids; 0 differences, 0 repeated ids.\n"


FILES = ["a.csv", "far/b.jsonl.gz", "c.parquet", "_rejects/a.csv"]


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_found(run, three, name):
    file = Path("out", name)
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    done = run("bulk", "check", "out")
    assert (done.exit_code, done.stdout) == (1, f"{name}: has another SHA-256 than its record.\n")


@pytest.mark.parametrize("name", FILES)
def test_one_byte_less_is_found(run, three, name):
    file = Path("out", name)
    data = file.read_bytes()
    file.write_bytes(data[:-1])
    done = run("bulk", "check", "out")
    expected = f"{name}: has {len(data) - 1} bytes; its record has {len(data)}.\n"
    assert (done.exit_code, done.stdout) == (1, expected)


@pytest.mark.parametrize("name", [*FILES, "_SUCCESS.json"])
def test_a_missing_file_is_named(run, three, name):
    Path("out", name).unlink()
    done = run("bulk", "check", "out")
    assert done.exit_code == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{name}: is missing")


def test_a_missing_part_is_found_by_the_number_of_parts(run, three):
    Path("out/c.parquet").unlink()
    Path("out/_parts/c.parquet.json").unlink()
    done = run("bulk", "check", "out")
    lines = [f"_SUCCESS.json: has another {what} than the records." for what in ("number of parts", "counts")]
    assert (done.exit_code, done.stdout.splitlines()) == (1, lines)


@pytest.mark.parametrize("name", ["d.csv", "far/d.csv", "_rejects/c.parquet"])
def test_a_file_without_a_record_is_named(run, three, name):
    Path("out", name).write_text("x")
    done = run("bulk", "check", "out")
    assert (done.exit_code, done.stdout) == (1, f"{name}: has no record in _parts.\n")


def test_files_that_readers_of_a_folder_leave_out_need_no_record(run, three):
    Path("out/.notes").write_text("x")
    Path("out/_metadata").write_text("x")
    assert run("bulk", "check", "out").exit_code == 0


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]"])
def test_a_record_that_is_none_is_named(run, three, text):
    Path("out/_parts/c.parquet.json").write_text(text)
    done = run("bulk", "check", "out")
    assert done.exit_code == 1
    assert "_parts/c.parquet.json: is not a record of this part." in done.stdout.splitlines()


def test_the_record_of_another_part_is_named_and_counts_for_neither(run, three):
    Path("out/_parts/c.parquet.json").write_bytes(Path("out/_parts/a.csv.json").read_bytes())
    done = run("bulk", "check", "out")
    assert done.stdout.splitlines()[:2] == [
        "_parts/c.parquet.json: is not a record of this part.",
        "c.parquet: has no record in _parts.",
    ]
    assert done.stderr == "2 parts are as recorded, with 4 ids; 4 differences, 0 repeated ids.\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("_parts/a.csv.json", "has another model, policy or reading than _parts/_made_by.json"),
        ("_SUCCESS.json", "has another model, policy or reading than the records"),
    ],
)
def test_results_of_another_model_are_named(run, three, name, message):
    record = json.loads(Path("out", name).read_text())
    record["made_by"]["threshold"] = 0.25
    Path("out", name).write_text(json.dumps(record))
    done = run("bulk", "check", "out")
    assert (done.exit_code, done.stdout) == (1, f"{name}: {message}.\n")


def test_a_name_with_control_characters_is_printed_on_one_line(run, three):
    Path("out/a\n\x1b[2Jb.csv").write_text("x")
    assert run("bulk", "check", "out").stdout == "a\\n\\x1b[2Jb.csv: has no record in _parts.\n"


def test_ids_are_compared_across_formats_with_the_line_or_row_of_each(run, scored):
    rows = ["order_id,note," + ",".join(FEATURES), 'A,"two\nlines",1,1,1', "C,,x,1,1", "B,,1,1,1", '"7",,1,1,1']
    Path("in/a.csv").write_text("\n".join(rows) + "\n")
    Path("in/b.csv").write_text("sep=;\n" + csv("B", "Ω", delimiter=";"))
    Path("in/far/c.jsonl.gz").write_bytes(gzip.compress(("\n" + jsonl("D", "B") + jsonl("Ω")).encode()))
    parquet("in/d.parquet", "C", "F", "A")
    parquet("in/e.parquet", 6, 7)
    scored()
    done = run("bulk", "check", "out")
    assert (done.exit_code, done.stdout.splitlines()) == (
        1,
        [
            "The id A occurs 2 times: a.csv 2, d.parquet 3.",
            "The id B occurs 3 times: a.csv 4, b.csv 2, far/c.jsonl.gz 2.",
            "The id 7 occurs 2 times: a.csv 5, e.parquet 2.",
            "The id Ω occurs 2 times: b.csv 3, far/c.jsonl.gz 3.",
        ],
    )
    assert done.stderr == "5 parts are as recorded, with 13 ids; 0 differences, 4 repeated ids.\n"


def test_the_first_ten_of_many_are_printed(run, scored):
    Path("in/a.csv").write_text(csv(*map(str, range(40))))
    parquet("in/b.parquet", *map(str, range(39, -1, -1)))
    scored()
    lines = run("bulk", "check", "out").stdout.splitlines()
    assert lines == [
        *(f"The id {id} occurs 2 times: a.csv {id + 2}, b.parquet {40 - id}." for id in range(10)),
        "30 more ids are repeated.",
    ]


def test_the_ids_are_in_the_column_that_they_were_scored_with_or_in_another(run, scored):
    for name, ids in {"a": ("A", "B"), "b": ("C", "A")}.items():
        table = {"key": ids, "other": [f"{name}1", "same"]} | {each: [1.0, 1.0] for each in FEATURES}
        pq.write_table(pa.table(table), f"in/{name}.parquet")
    Path("in/c.jsonl").write_text("".join(json.dumps(ORDER | {"key": id, "other": str(id)}) + "\n" for id in (1, 2)))
    scored("--id", "key")
    assert run("bulk", "check", "out").stdout == "The id A occurs 2 times: a.parquet 1, b.parquet 2.\n"
    other = run("bulk", "check", "out", "--id", "other")
    assert other.stdout == "The id same occurs 2 times: a.parquet 2, b.parquet 2.\n"


def test_options_that_say_how_files_are_read_are_those_of_the_run(run, scored):
    for name in ("a.csv", "b.jsonl"):
        Path("in", name).write_bytes(csv("É7", name[0], delimiter="#").encode("cp1252"))
    scored("--format", "csv", "--encoding", "cp1252", "--delimiter", "#")
    assert run("bulk", "check", "out").stdout == "The id É7 occurs 2 times: a.csv 2, b.jsonl 2.\n"


def test_ids_of_a_changed_file_are_not_compared(run, scored):
    Path("in/a.csv").write_text(csv("A"))
    Path("in/b.csv").write_text(csv("A"))
    scored()
    Path("out/b.csv").write_text("")
    done = run("bulk", "check", "out")
    assert (done.exit_code, done.stderr) == (1, "1 parts are as recorded, with 1 ids; 1 differences, 0 repeated ids.\n")


@pytest.mark.parametrize(
    ("column", "name"), [("none", "a.csv"), ("reason", "far/b.jsonl.gz"), ("route_disruption", "c.parquet")]
)
def test_a_column_that_has_no_ids_is_an_error_that_names_the_file(run, three, column, name):
    for other in {"a.csv", "far/b.jsonl.gz", "c.parquet"} - {name}:
        Path("out", other).write_text("")
    done = run("bulk", "check", "out", "--id", column)
    assert done.exit_code == 2
    assert f"Error: {name}: " in done.stderr


def test_a_folder_without_results_is_an_error(run, three):
    for folder in ("in", "none"):
        done = run("bulk", "check", folder)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.endswith(f"Error: {folder}: has no results of bulk; give the OUT of a run.\n")


def test_without_the_database_the_extra_to_install_is_named(run, three, monkeypatch):
    for name in ("service.bulk.id_table", "service.bulk.compare_ids"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    done = run("bulk", "check", "out")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("Error: this needs the extra bulk: pip install 'delivery-risk[bulk]'.\n")


def test_nothing_is_left_in_the_temporary_folder(run, three, monkeypatch):
    Path("tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(Path("tmp").absolute()))
    assert run("bulk", "check", "out").exit_code == 0
    assert not list(Path("tmp").iterdir())
