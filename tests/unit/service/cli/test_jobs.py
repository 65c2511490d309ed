"""Scoring in several processes: the same outputs as in one."""

import json
import multiprocessing
import os

import pytest

from tests.facts import ORDER
from tests.order_files import HEADER
from tests.servers import until

ORDINARY = [f"O-{number},{number % 11},,{number % 9},{number / 7}" for number in range(120)]
ODD = [
    'P-1,3,"two\nlines",2,1',
    "O-3,3,the id of an earlier row,2,1",
    ",3,no id,2,1",
    "P-2,x,no number,2,1",
    "P-3,3,too few cells",
    "",
    "P-4,-1,out of range,2,99",
    "P-5,3,=1+1,2,1",
    "O-119,3,the id of a later row,2,1",
]


def csv_text():
    rows = list(ORDINARY)
    for at, row in enumerate(ODD):
        rows.insert(13 * at + 9, row)
    return HEADER + "\n".join(rows) + "\n"


def json_text():
    lines = [json.dumps(ORDER | {"order_id": f"O-{at % 90}", "backlog": at % 9}) + "\n" for at in range(100)]
    return "".join([*lines[:31], "\n", "{}\n", *lines[31:]])


@pytest.mark.parametrize("options", [[], ["--top", "20"], ["--review-top", "20"], ["--safe-csv", "--provenance"]])
@pytest.mark.parametrize("text", [csv_text, json_text])
def test_any_number_of_processes_gives_the_same_outputs(run, tmp_path, monkeypatch, text, options):
    monkeypatch.setattr("service.offline.chunks.CHUNK", 7)
    given = text()
    if text is json_text:
        options = [each for each in options if each != "--safe-csv"]
    outputs = set()
    for jobs in (1, 2, 5):
        done = run("score", "--jobs", jobs, *options, "--out", "out", "--rejects", "rejects", given=given)
        assert done.exit_code == 1
        outputs.add((done.stderr, (tmp_path / "out").read_bytes(), (tmp_path / "rejects").read_bytes()))
    assert len(outputs) == 1


def test_without_a_file_for_rejected_rows_the_first_one_ends_the_run_and_its_processes(run, monkeypatch):
    monkeypatch.setattr("service.offline.chunks.CHUNK", 7)
    done, one = (run("score", "--jobs", jobs, given=csv_text()) for jobs in (3, 1))
    assert (done.exit_code, done.stderr, done.stdout[: len(one.stdout)]) == (2, one.stderr, one.stdout)
    assert not multiprocessing.active_children()


def test_an_error_in_a_process_ends_the_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr("service.offline.parts.score_chunk", lambda *_: 1 // 0)
    done = run("score", "--jobs", 2, "--out", "out.csv", given=HEADER + ORDINARY[0])
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert done.stderr.splitlines()[-1].startswith("ZeroDivisionError")


def test_if_a_process_cannot_be_started_none_is_left(run, tmp_path, monkeypatch):
    started = []

    def fork(real=os.fork):
        started.append(1)
        if len(started) > 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real()

    monkeypatch.setattr(os, "fork", fork)
    done = run("score", "--jobs", 4, "--out", "out.csv", given=HEADER + ORDINARY[0])
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "Error: a process of --jobs was killed or not started" in done.stderr
    assert until(lambda: not multiprocessing.active_children())
