import os
import stat

import pytest

from service.auth import tokens
from tests.bearer_tokens import digest


def test_lines_of_standard_output_put_the_tokens_of_standard_error_in_force(run):
    made = [run("token", "new", *arguments) for arguments in (["planner"], ["ops", "--scopes", "read,score"])]
    assert all(done.exit_code == 0 and "DELIVERY_RISK_TOKENS_FILE" in done.stderr for done in made)
    known = tokens.parse("".join(done.stdout for done in made).encode())
    found = [tokens.check(known, f"Bearer {done.stderr.splitlines()[-1]}") for done in made]
    assert [(token.caller, token.scopes) for token in found] == [("planner", {"score"}), ("ops", {"read", "score"})]


def test_a_token_that_is_written_to_a_file_is_its_whole_content_and_is_not_printed(run, tmp_path):
    done = run("token", "new", "prometheus", "--scopes", "read", "--token-to", "scraper")
    token = (tmp_path / "scraper").read_bytes()
    assert stat.S_IMODE(os.stat(tmp_path / "scraper").st_mode) == 0o600
    assert (done.exit_code, done.stdout) == (0, f"prometheus read {digest(token.decode())}\n")
    assert tokens.check(tokens.parse(done.stdout_bytes), f"Bearer {token.decode('ascii')}").caller == "prometheus"
    assert token.decode() not in done.output
    assert done.stderr.endswith("The token is in scraper.\n")


@pytest.mark.parametrize("make", [lambda path: path.write_text("kept"), lambda path: path.symlink_to("nowhere"), os.mkfifo])
@pytest.mark.parametrize(("path", "reason"), [("scraper", "File exists"), ("nowhere/scraper", "No such file or directory")])
def test_an_existing_file_is_not_overwritten_and_without_a_new_one_no_line_is_printed(run, tmp_path, make, path, reason):
    make(tmp_path / "scraper")
    done = run("token", "new", "prometheus", "--token-to", path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"Error: {path}: cannot be written ({reason})\n"
    assert os.listdir(tmp_path) == ["scraper"]


INVALID = [
    *(("NAME", ("--", name)) for name in ("", "-x", ".x", "a b", "a/b", "a#b", "é", "x" * 65, "a\n")),
    *(("'--scopes'", ("x", "--scopes", each)) for each in ("", "write", "score,", "score,score", "score read", "SCORE")),
]


@pytest.mark.parametrize(("place", "arguments"), INVALID)
def test_a_name_or_scopes_that_the_tokens_file_does_not_permit_are_rejected(run, place, arguments):
    done = run("token", "new", *arguments)
    assert (done.exit_code, done.stdout, f"Invalid value for {place}" in done.stderr) == (2, "", True)


def test_a_token_is_in_force_once_its_line_is_in_the_tokens_file(run, tmp_path):
    made = [run("token", "new", name, "--in", "tokens") for name in ("planner", "ops")]
    assert [(done.exit_code, done.stdout) for done in made] == [(0, "")] * 2
    assert all(done.stderr.startswith("tokens has its line. The token, shown only once:\n") for done in made)
    known = tokens.parse((tmp_path / "tokens").read_bytes())
    assert [tokens.check(known, f"Bearer {done.stderr.split()[-1]}").caller for done in made] == ["planner", "ops"]


@pytest.mark.parametrize("more", [[], ["--token-to", "scraper"]])
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("tokens", "line 1: expected a name, scopes and the SHA-256 of a token; the file is not changed"),
        ("pipe", "not a regular file; the file is not changed"),
        ("nowhere/tokens", "cannot be changed (No such file or directory)"),
    ],
)
def test_a_token_whose_line_cannot_be_added_is_neither_shown_nor_kept(run, tmp_path, more, path, error):
    (tmp_path / "tokens").write_text("half a li")
    os.mkfifo(tmp_path / "pipe")
    done = run("token", "new", "planner", "--in", path, *more)
    assert (done.exit_code, done.output) == (1, f"Error: {path}: {error}\n")
    assert (tmp_path / "tokens").read_text() == "half a li"
    assert not (tmp_path / "scraper").exists()
