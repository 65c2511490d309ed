"""Output that cannot be written ends a command with 2, output that nobody reads as a shell expects it: never with 1.

Not so a command that has changed a store or made a token by then: see test_store_told.py and test_tokens.py.
"""

import pytest

from service.config import DEFAULT_MODEL
from tests.unit.service.cli.test_score import HEADER, ROWS

COMMANDS = {
    "score": "score orders.csv",
    "list": "model list --in store",
    "inspect": f"model inspect {DEFAULT_MODEL}",
    "doctor": "doctor",
    "help": "--help",
    "help of a command": "score --help",
}
MANY = HEADER + "".join(f"{number},3,,2,1\n" for number in range(30_000))


@pytest.fixture
def beside(tmp_path, run):
    """What the commands need in the directory that they run in."""
    (tmp_path / "orders.csv").write_text(HEADER + ROWS + "D,,x,2,1\n")
    (tmp_path / "store").mkdir()
    assert run("model", "publish", DEFAULT_MODEL, "--to", "store").exit_code == 0


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_standard_output_that_takes_nothing_ends_a_command_that_has_changed_nothing_with_an_error(shell, command):
    done = shell(f"delivery-risk {command} > /dev/full")
    assert (done.returncode, done.stderr) == (2, "Error: standard output: No space left on device.\n")


@pytest.mark.usefixtures("beside")
def test_standard_output_that_is_closed_ends_a_command_with_an_error(shell):
    done = shell("delivery-risk score orders.csv >&-")
    assert (done.returncode, done.stderr) == (2, "Error: standard output: closed.\n")


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("command", ["score orders.csv", "model list --in store", "--version"])
def test_output_that_nobody_reads_ends_a_command_quietly_by_sigpipe(shell, command):
    done = shell(f"{{ sleep 0.2; delivery-risk {command}; echo $? > code; }} | true; cat code")
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_a_reader_that_leaves_in_the_middle_gets_what_it_asked_for_and_no_word_more(shell, tmp_path):
    (tmp_path / "many.csv").write_text(MANY)
    done = shell("{ delivery-risk score many.csv; echo $? > code; } | head -n 1; cat code")
    assert (done.stdout, done.stderr) == (HEADER.strip() + ",score,queue,out_of_range\n141\n", "")


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(("where", "code"), [("2> /dev/full", 2), ("2>&-", 1)])
def test_standard_error_that_takes_nothing_hides_no_failure_while_one_that_is_closed_is_left_alone(shell, where, code):
    done = shell(f"delivery-risk score orders.csv --out out.csv {where}; echo $?; grep -c . out.csv orders.rejects.csv")
    assert done.stdout.splitlines() == [str(code), "out.csv:4", "orders.rejects.csv:2"]


def test_an_error_that_cannot_be_told_still_has_its_exit_code(shell):
    assert shell("delivery-risk score nowhere.csv 2> /dev/full").returncode == 2


def test_standard_input_that_is_closed_is_said(shell):
    done = shell("delivery-risk score <&-")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "Error: standard input: closed.")


def test_a_command_that_breaks_says_how_and_is_not_taken_for_one_with_an_answer(run, monkeypatch):
    monkeypatch.setattr("service.offline.chunks.run", lambda *_: 1 // 0)
    done = run("score", given=HEADER + ROWS)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("ZeroDivisionError")


def test_refused_rows_that_are_no_text_go_to_standard_output_as_they_stood(shell):
    header, row = HEADER.strip(), r"A,\377,x,2,1"
    done = shell(f"printf '{header}\\n{row}\\n' | delivery-risk score --out out.csv --rejects - | od -c | grep 377")
    assert done.returncode == 0
