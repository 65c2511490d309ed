import os
import stat

import pytest

from service.auth import tokens
from tests.bearer_tokens import digest


def test_the_line_goes_to_standard_output_and_the_token_to_standard_error(run):
    done = run("token", "new", "planner")
    token = done.stderr.splitlines()[-1]
    assert done.exit_code == 0
    assert done.stdout == f"planner score {digest(token)}\n"
    assert "DELIVERY_RISK_TOKENS_FILE" in done.stderr


def test_lines_appended_to_a_file_put_their_tokens_in_force(run):
    made = [run("token", "new", name, "--scopes", scopes) for name, scopes in (("planner", "score"), ("ops", "read,score"))]
    known = tokens.parse("".join(done.stdout for done in made).encode())
    found = [tokens.check(known, f"Bearer {done.stderr.splitlines()[-1]}") for done in made]
    assert [(token.caller, token.scopes) for token in found] == [("planner", {"score"}), ("ops", {"read", "score"})]


def test_a_token_in_a_file_of_its_own_is_all_of_it_and_shown_nowhere(run, tmp_path):
    done = run("token", "new", "prometheus", "--scopes", "read", "--token-to", "scraper")
    token = (tmp_path / "scraper").read_bytes()
    assert stat.S_IMODE(os.stat(tmp_path / "scraper").st_mode) == 0o600
    assert (done.exit_code, done.stdout) == (0, f"prometheus read {digest(token.decode())}\n")
    assert tokens.check(tokens.parse(done.stdout_bytes), f"Bearer {token.decode('ascii')}").caller == "prometheus"
    assert token.decode() not in done.output
    assert done.stderr.endswith("The token is in scraper.\n")


@pytest.mark.parametrize("make", [lambda path: path.write_text("kept"), lambda path: path.symlink_to("nowhere"), os.mkfifo])
def test_a_file_that_is_there_is_not_written_over(run, tmp_path, make):
    make(tmp_path / "scraper")
    done = run("token", "new", "prometheus", "--token-to", "scraper")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: scraper: cannot be written (File exists)\n"
    assert os.listdir(tmp_path) == ["scraper"]


def test_without_room_for_the_token_no_line_puts_it_in_force(run):
    done = run("token", "new", "prometheus", "--token-to", "nowhere/scraper")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: nowhere/scraper: cannot be written (No such file or directory)\n"


@pytest.mark.parametrize("more", ["", "--token-to scraper"])
@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_a_token_whose_line_cannot_be_written_is_neither_shown_nor_kept(shell, tmp_path, where, more):
    done = shell(f"delivery-risk token new prometheus {more} {where}")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("Error: standard output: ")
    assert os.listdir(tmp_path) == []


def test_a_file_that_the_token_does_not_fit_into_does_not_stay(shell, tmp_path):
    done = shell("ulimit -f 0; delivery-risk token new prometheus --token-to scraper")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: scraper: cannot be written (File too large)\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "a#b", "é", "x" * 65, "a\n"])
def test_a_name_that_the_file_would_not_take_is_refused(run, name):
    done = run("token", "new", "--", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Invalid value for NAME" in done.stderr


@pytest.mark.parametrize("scopes", ["", "write", "score,", "score,score", "score read", "SCORE"])
def test_other_scopes_are_refused(run, scopes):
    done = run("token", "new", "planner", "--scopes", scopes)
    assert (done.exit_code, done.stdout) == (2, "")
