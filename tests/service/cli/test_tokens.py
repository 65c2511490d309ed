import pytest

from service import auth
from tests.service.tokens import digest


def test_the_line_goes_to_standard_output_and_the_token_to_standard_error(run):
    done = run("token", "new", "planner")
    token = done.stderr.splitlines()[-1]
    assert done.exit_code == 0
    assert done.stdout == f"planner score {digest(token)}\n"
    assert "DELIVERY_RISK_TOKENS_FILE" in done.stderr


def test_lines_appended_to_a_file_put_their_tokens_in_force(run):
    made = [run("token", "new", name, "--scopes", scopes) for name, scopes in (("planner", "score"), ("ops", "read,score"))]
    tokens = auth.parse("".join(done.stdout for done in made).encode())
    found = [auth.check(tokens, f"Bearer {done.stderr.splitlines()[-1]}") for done in made]
    assert [(token.caller, token.scopes) for token in found] == [("planner", {"score"}), ("ops", {"read", "score"})]


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "a#b", "é", "x" * 65, "a\n"])
def test_a_name_that_the_file_would_not_take_is_refused(run, name):
    done = run("token", "new", "--", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Invalid value for NAME" in done.stderr


@pytest.mark.parametrize("scopes", ["", "write", "score,", "score,score", "score read", "SCORE"])
def test_other_scopes_are_refused(run, scopes):
    done = run("token", "new", "planner", "--scopes", scopes)
    assert (done.exit_code, done.stdout) == (2, "")
