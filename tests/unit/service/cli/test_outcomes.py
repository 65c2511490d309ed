"""Files of outcomes: all rows are kept as records that the service writes too, or none is, and each invalid row is named."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.outcome import loads
from service.decisions import reading

FILES = Path(__file__).parents[3] / "data" / "outcomes"
REASON = re.compile(r": (line \d+: (?:\w+: )?\w+) \(")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


def kept(folder):
    files = reading.log_files([str(folder)], reading.OUTCOMES)
    return [loads(line.text) for file in files for line in reading.lines(file)]


@pytest.mark.parametrize("name", ["good.csv", "good.jsonl"])
def test_all_rows_of_a_valid_file_are_kept(run, folder, name, monkeypatch):
    monkeypatch.delenv("DELIVERY_RISK_DECISION_LOG", raising=False)
    done = run("outcomes", FILES / name, "--to", folder)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"3 outcomes are in {folder}.\n")
    (record,) = kept(folder)
    assert (record.order_ids, record.late, record.acted_on) == (
        ["A-104", "B-208", "A-104"],
        [True, False, False],
        [None, True, False],
    )
    assert record.outcome_at == [
        datetime(2026, *day, 5, minute, tzinfo=UTC) for day, minute in (((11, 30), 0), ((11, 30), 30), ((12, 1), 0))
    ]


def test_the_folder_is_that_of_the_setting_where_no_other_is_named(run, folder, monkeypatch):
    monkeypatch.delenv("DELIVERY_RISK_DECISION_LOG", raising=False)
    assert "--to" in run("outcomes", FILES / "good.csv").stderr
    monkeypatch.setenv("DELIVERY_RISK_DECISION_LOG", str(folder))
    assert (run("outcomes", FILES / "good.csv").exit_code, len(kept(folder))) == (0, 1)


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        (
            "bad.csv",
            {
                *("line 3: late: not_a_boolean", "line 3: at: not_a_time", "line 4: order_id: null"),
                *("line 4: acted_on: not_a_boolean", "line 5: not_csv"),
            },
        ),
        (
            "bad.jsonl",
            {
                *("line 2: late: not_a_boolean", "line 2: at: not_a_time", "line 3: not_json"),
                *("line 4: order_id: not_a_string", "line 4: late: not_a_boolean"),
            },
        ),
    ],
)
def test_a_file_with_an_invalid_row_is_not_written_and_each_error_has_its_line(run, folder, name, reasons):
    done = run("outcomes", FILES / name, "--to", folder)
    assert (done.exit_code, list(folder.iterdir())) == (1, [])
    assert set(REASON.findall(done.stderr)) == reasons
    assert done.stderr.endswith("Error: 5 errors; nothing is written.\n")
    assert not {"yes", "1780000000"} & set(re.findall(r"\w+", done.stderr))


def test_a_folder_that_cannot_be_written_and_a_file_that_cannot_be_read_exit_with_2(run, folder, monkeypatch):
    assert run("outcomes", FILES / "good.csv", "--to", "nowhere").exit_code == 2
    assert run("outcomes", "--to", folder, given="").exit_code == 2

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.decisions.log_files.LogFiles.append", full)
    done = run("outcomes", FILES / "good.csv", "--to", folder)
    assert done.exit_code == 2
    assert "No space left on device); 0 outcomes are written; give the file again." in done.stderr
