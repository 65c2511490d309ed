import hmac

import pytest

from service.auth import tokens
from service.auth.tokens import BadToken, BadTokens
from tests.bearer_tokens import GOOD, OTHER, REVOKED, UNKNOWN, WRONG, digest, line

DIGEST = digest(GOOD)
TOKENS = tokens.parse((line(OTHER, "read", "grafana") + line(GOOD)).encode())


def test_the_file_that_the_module_shows_is_one():
    shown = tokens.__doc__.split("A tokens file has one line for each token:")[1].split("A name is")[0]
    found = [(token.caller, sorted(token.scopes)) for token in tokens.parse(shown.encode())]
    assert found == [("planner", ["score"]), ("planner", ["score"]), ("ops", ["read", "score"])]


@pytest.mark.parametrize(
    "text",
    [
        f"planner score {DIGEST}",
        f"planner score {DIGEST}\n",
        f"planner score {DIGEST}\r\n\r\n",
        f" \tplanner\t \tscore   {DIGEST}\t \n",
        f"# the planner's\n\n  # renewed in May: é\nplanner score {DIGEST}",
    ],
)
def test_blanks_comments_and_line_ends_mean_nothing(text):
    (token,) = tokens.parse(text.encode("latin-1"))
    assert (token.caller, token.scopes, token.digest.hex()) == ("planner", {"score"}, DIGEST)


@pytest.mark.parametrize("name", ["a", "7", "a.b_c-D", "x" * 64])
def test_names_are_taken(name):
    assert tokens.parse(f"{name} read {DIGEST}".encode())[0].caller == name


@pytest.mark.parametrize("scopes", tokens.SCOPES)
def test_scopes_are_one_or_both_in_any_order(scopes):
    assert tokens.parse(f"planner {scopes} {DIGEST}".encode())[0].scopes == set(scopes.split(","))


@pytest.mark.parametrize(
    "bad",
    [
        "planner",
        "planner score",
        f"planner {DIGEST}",
        f"score {DIGEST}",
        f"planner score {DIGEST} more",
        f"planner score {DIGEST} # a remark",
        f"planner score {DIGEST[:-1]}",
        f"planner score {DIGEST}0",
        f"planner score {DIGEST.upper()}",
        f"planner score {GOOD}",
        f"planner score sha256:{DIGEST}",
        f"planner write {DIGEST}",
        f"planner Score {DIGEST}",
        f"planner score,score {DIGEST}",
        f"planner score, read {DIGEST}",
        f"planner score,read,score {DIGEST}",
        f"-planner score {DIGEST}",
        f".planner score {DIGEST}",
        f"pl/anner score {DIGEST}",
        f"plänner score {DIGEST}",
        f"{'x' * 65} score {DIGEST}",
        f"planner\u00a0score\u00a0{DIGEST}",
        f"planner\vscore {DIGEST}",
        f"\fplanner score {DIGEST}",
        f"planner score {DIGEST}\0",
        f"\ufeffplanner score {DIGEST}",
        "\0",
        "<html>",
    ],
)
def test_a_file_with_any_other_line_is_refused_by_that_lines_number_and_nothing_of_it(bad):
    with pytest.raises(BadTokens) as caught:
        tokens.parse(f"# first\n{line(OTHER)}\n{bad}\n".encode())
    assert (caught.value.line, str(caught.value)) == (
        4,
        "line 4: expected a name, scopes and the SHA-256 of a token",
    )


@pytest.mark.parametrize("second", [line(GOOD), line(GOOD, name="another"), line(GOOD, "read")])
def test_a_digest_on_two_lines_is_refused(second):
    with pytest.raises(BadTokens, match=r"^line 3: the digest of an earlier line$"):
        tokens.parse(f"{line(GOOD)}#\n{second}".encode())


@pytest.mark.parametrize("text", [b"", b"\n", b"# all revoked\n", b" \t"])
def test_a_file_without_a_token_is_refused(text):
    with pytest.raises(BadTokens, match=r"^holds no token$") as caught:
        tokens.parse(text)
    assert caught.value.line is None


def test_a_name_may_have_several_tokens_each_with_its_own_scopes():
    known = tokens.parse((line(GOOD, "score") + line(OTHER, "read")).encode())
    assert [tokens.check(known, f"Bearer {token}").scopes for token in (GOOD, OTHER)] == [{"score"}, {"read"}]


@pytest.mark.parametrize("header", [f"Bearer {GOOD}", f"bearer {GOOD}", f"BEARER   {GOOD}"])
def test_a_right_token_is_known_however_its_scheme_is_written(header):
    assert tokens.check(TOKENS, header).caller == "planner"


@pytest.mark.parametrize("form", WRONG)
def test_no_other_header_is_taken(form):
    header = WRONG[form](GOOD)
    with pytest.raises(BadToken) as caught:
        tokens.check(TOKENS, header)
    assert caught.value.missing == (form in ("missing", "empty", "no scheme", "another scheme"))
    assert GOOD not in str(caught.value)
    assert UNKNOWN not in str(caught.value)


def test_where_no_token_is_valid_none_is_taken():
    with pytest.raises(BadToken):
        tokens.check((), f"Bearer {GOOD}")


@pytest.mark.parametrize("shown", [GOOD, OTHER, UNKNOWN, GOOD[:-1]])
def test_every_digest_is_compared_whichever_token_is_shown(monkeypatch, shown):
    known = tokens.parse("".join(map(line, (GOOD, REVOKED, OTHER))).encode())
    compared, real = [], hmac.compare_digest

    def compare(one, other):
        assert isinstance(one, bytes)
        assert isinstance(other, bytes)
        compared.append({one.hex(), other.hex()})
        return real(one, other)

    monkeypatch.setattr("hmac.compare_digest", compare)
    try:
        tokens.check(known, f"Bearer {shown}")
    except BadToken:
        assert shown not in (GOOD, OTHER)
    assert compared == [{token.digest.hex(), digest(shown)} for token in known]


@pytest.mark.parametrize(
    ("method", "route", "needed"),
    [
        ("POST", "/score", "score"),
        ("GET", "/model", "read"),
        ("HEAD", "/version", "read"),
        ("GET", "/metrics", "read"),
        ("GET", "/docs/<path:name>", "read"),
        ("OPTIONS", "/score", "read"),
        ("GET", "/livez", None),
        ("HEAD", "/readyz", None),
    ],
)
def test_orders_need_score_the_probes_nothing_and_all_else_read(method, route, needed):
    assert tokens.scope(method, route) == needed


def test_a_new_token_is_known_by_its_line_and_is_another_each_time():
    made = [tokens.new("planner", "read") for _ in range(50)]
    known = tokens.parse("\n".join(text for _, text in made).encode())
    assert [tokens.check(known, f"Bearer {token}") for token, _ in made] == list(known)
    assert all(len(token) == 43 and token not in text for token, text in made)
