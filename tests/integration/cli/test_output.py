"""Output that cannot be written ends a command with 2, output without a reader with 141, never with 1.

A command that has changed a registry is an exception: see test_registry_output.py.
"""

import os

import pytest

from service.config import DEFAULT_MODEL
from tests.order_files import HEADER, REJECTED, ROWS, many

COMMANDS = {
    "score": "score orders.csv",
    "list": "model list --in registry",
    "inspect": f"model inspect {DEFAULT_MODEL}",
    "doctor": "doctor",
    "help": "--help",
    "help of a command": "score --help",
}


@pytest.fixture
def files(tmp_path, run):
    """The files that the commands read."""
    (tmp_path / "orders.csv").write_text(HEADER + ROWS + REJECTED)
    (tmp_path / "registry").mkdir()
    assert run("model", "publish", DEFAULT_MODEL, "--to", "registry").exit_code == 0


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_standard_output_that_is_full_ends_a_command_that_has_changed_nothing_with_an_error(shell, command):
    done = shell(f"delivery-risk {command} > /dev/full")
    assert (done.returncode, done.stderr) == (2, "Error: standard output: No space left on device.\n")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("command", ["score orders.csv", "model list --in registry", "--version"])
def test_output_without_a_reader_ends_a_command_quietly_by_sigpipe(shell, command):
    done = shell(f"{{ sleep 0.2; delivery-risk {command}; echo $? > code; }} | true; cat code")
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_a_reader_that_leaves_early_gets_its_lines_and_nothing_else_is_printed(shell, tmp_path):
    (tmp_path / "many.csv").write_text(many(30_000))
    done = shell("{ delivery-risk score many.csv; echo $? > code; } | head -n 1; cat code")
    assert (done.stdout, done.stderr) == (HEADER.strip() + ",score,queue,out_of_range\n141\n", "")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("where", "code"), [("2> /dev/full", 2), ("2>&-", 1)])
def test_a_full_standard_error_is_a_failure_and_a_closed_one_is_ignored(shell, where, code):
    done = shell(f"delivery-risk score orders.csv --out out.csv {where}; echo $?; grep -c . out.csv out.rejects.csv")
    assert done.stdout.splitlines() == [str(code), "out.csv:4", "out.rejects.csv:2"]


def test_an_error_that_cannot_be_printed_still_has_its_exit_code(shell):
    assert shell("delivery-risk score nowhere.csv 2> /dev/full").returncode == 2


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("command", "name"), [("orders.csv >&-", "standard output"), ("<&-", "standard input")])
def test_a_closed_stream_is_named(shell, command, name):
    done = shell(f"delivery-risk score {command}")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"Error: {name}: closed.")
    assert "orders scored by" not in done.stderr


def test_rejected_rows_that_are_not_text_go_to_standard_output_unchanged(shell):
    header, row = HEADER.strip(), r"A,\377,x,2,1"
    done = shell(f"printf '{header}\\n{row}\\n' | delivery-risk score --out out.csv --rejects - | od -c | grep 377")
    assert done.returncode == 0


@pytest.mark.parametrize("more", ["", "--token-to scraper"])
@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_a_token_whose_line_cannot_be_written_is_neither_shown_nor_kept(shell, tmp_path, where, more):
    done = shell(f"delivery-risk token new prometheus {more} {where}")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("Error: standard output: ")
    assert os.listdir(tmp_path) == []


def test_a_file_that_the_token_does_not_fit_into_is_removed(shell, tmp_path):
    done = shell("ulimit -f 0; delivery-risk token new prometheus --token-to scraper")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: scraper: cannot be written (File too large)\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("more", ["", "--token-to scraper"])
def test_a_full_disk_leaves_the_tokens_file_as_it_was(shell, tmp_path, more):
    assert shell("delivery-risk token new first >> tokens").returncode == 0
    before = (tmp_path / "tokens").read_text()
    done = shell(f"ulimit -f 0; delivery-risk token new second --in tokens {more}")
    assert (done.returncode, done.stdout, "File too large" in done.stderr) == (1, "", True)
    assert ((tmp_path / "tokens").read_text(), "scraper" in os.listdir(tmp_path)) == (before, False)


def test_a_pipe_whose_reader_leaves_ends_the_command_quietly_without_partial_output(shell, tmp_path):
    (tmp_path / "orders.csv").write_text(many(30_000).replace(HEADER, HEADER + REJECTED))
    done = shell("mkfifo pipe; head -n 1 pipe & delivery-risk score orders.csv --out pipe --rejects rejects; echo $?; wait")
    assert (done.stdout.splitlines()[-1], done.stderr) == ("141", "")
    assert sorted(os.listdir(tmp_path)) == ["orders.csv", "pipe"]


OVERWRITES = {
    "results": "--out orders.csv",
    "results through a link": "--out link.csv",
    "results by another name of the file": "--out other.csv",
    "results that standard output appends": ">> orders.csv",
    "rejected rows": "--out out.csv --rejects orders.csv",
    "rejected rows through a link": "--out out.csv --rejects link.csv",
}


@pytest.mark.parametrize("read", ["./link.csv", "- < orders.csv"])
@pytest.mark.parametrize("more", OVERWRITES.values(), ids=OVERWRITES)
def test_the_orders_are_not_overwritten(shell, tmp_path, read, more):
    (tmp_path / "orders.csv").write_text(HEADER + ROWS + REJECTED)
    (tmp_path / "link.csv").symlink_to("orders.csv")
    os.link(tmp_path / "orders.csv", tmp_path / "other.csv")
    before = sorted(os.listdir(tmp_path))
    done = shell(f"delivery-risk score {read} {more}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(": holds the orders and would be overwritten; give another FILE.\n")
    assert (tmp_path / "orders.csv").read_text() == HEADER + ROWS + REJECTED
    assert sorted(os.listdir(tmp_path)) == before


def test_a_device_may_be_used_for_all_of_them(shell):
    given = (HEADER + ROWS).replace("\n", "\\n")
    assert shell(f"printf '{given}' | delivery-risk score --rejects /dev/null > /dev/null").returncode == 0
    assert shell("delivery-risk score < /dev/null > /dev/null").stderr.endswith("the file is empty.\n")
