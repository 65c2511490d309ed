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
