"""Tokens files and Authorization headers: the rules one by one, and generated ones against a second reading of both."""

import hmac
import string
from contextlib import nullcontext
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.auth import tokens
from service.auth.tokens import BadToken, BadTokens
from tests.bearer_tokens import GOOD, OTHER, REVOKED, UNKNOWN, WRONG, digest, line

DIGEST = digest(GOOD)
MANY = [250, pytest.param(25_000, marks=[pytest.mark.long, pytest.mark.longest])]
NAME = set(string.ascii_letters + string.digits)


def test_the_example_in_the_modules_docstring_is_a_tokens_file():
    shown = tokens.__doc__.split("A tokens file has one line for each token:")[1].split("A name has")[0]
    found = [(token.caller, sorted(token.scopes)) for token in tokens.parse(shown.encode())]
    assert found == [("planner", ["score"]), ("planner", ["score"]), ("ops", ["read", "score"])]


@pytest.mark.parametrize(
    "text",
    [
        *(f"planner score {DIGEST}", f"planner score {DIGEST}\n", f"planner score {DIGEST}\r\n\r\n"),
        *(f" \tplanner\t \tscore   {DIGEST}\t \n", f"# the planner's\n\n  # renewed in May: é\nplanner score {DIGEST}"),
    ],
)
def test_blanks_comments_and_line_ends_are_ignored(text):
    (token,) = tokens.parse(text.encode("latin-1"))
    assert (token.caller, token.scopes, token.digest.hex()) == ("planner", {"score"}, DIGEST)


SCOPES = [",".join(names) for count in (1, 2, 3) for names in permutations(("score", "read", "outcome"), count)]


@pytest.mark.parametrize("scopes", SCOPES)
@pytest.mark.parametrize("name", ["a", "7", "a.b_c-D", "x" * 64])
def test_a_line_has_a_name_and_some_scopes_in_any_order(name, scopes):
    (token,) = tokens.parse(f"{name} {scopes} {DIGEST}".encode())
    assert (token.caller, token.scopes) == (name, set(scopes.split(",")))


@pytest.mark.parametrize(
    "bad",
    [
        *("planner", "planner score", f"planner {DIGEST}", f"score {DIGEST}", "\0", "<html>"),
        *(f"planner score {DIGEST} more", f"planner score {DIGEST} # a remark", f"planner score {DIGEST}\0"),
        *(f"planner score {DIGEST[:-1]}", f"planner score {DIGEST}0"),
        *(f"planner score {GOOD}", f"planner score sha256:{DIGEST}"),
        *(
            f"planner {scopes} {DIGEST}"
            for scopes in ("write", "Score", "score,score", "score, read", "score,read,score", ",", "outcome,", "outcomes")
        ),
        *(f"{name} score {DIGEST}" for name in ("-planner", ".planner", "pl/anner", "plänner", "x" * 65, "\ufeffplanner")),
        *(f"planner\u00a0score\u00a0{DIGEST}", f"planner\vscore {DIGEST}", f"\fplanner score {DIGEST}"),
    ],
)
def test_a_file_with_an_invalid_line_is_rejected_by_the_number_of_that_line_alone(bad):
    with pytest.raises(BadTokens) as caught:
        tokens.parse(f"# first\n{line(OTHER)}\n{bad}\n".encode())
    assert caught.value.line == 4
    assert str(caught.value) == "line 4: expected a name, scopes and the SHA-256 of a token"


def test_a_digest_may_have_capitals_as_windows_prints_it():
    assert tokens.parse(f"planner score {DIGEST.upper()}".encode()) == tokens.parse(f"planner score {DIGEST}".encode())


@pytest.mark.parametrize("second", [line(GOOD), line(GOOD, name="another"), line(GOOD, "read")])
def test_a_digest_on_two_lines_is_rejected(second):
    with pytest.raises(BadTokens, match=r"^line 3: the same digest as on an earlier line$"):
        tokens.parse(f"{line(GOOD)}#\n{second}".encode())


@pytest.mark.parametrize("text", [b"", b"\n", b"# all revoked\n", b" \t"])
def test_a_file_without_a_token_is_rejected(text):
    with pytest.raises(BadTokens, match=r"^the file has no token$") as caught:
        tokens.parse(text)
    assert caught.value.line is None


def test_a_byte_order_mark_is_ignored_and_utf_16_is_named():
    content = f"{line(GOOD)}{line(OTHER)}"
    assert tokens.parse(content.encode("utf-8-sig")) == tokens.parse(content.encode())
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(BadTokens, match=r"^the file is in UTF-16; save it as UTF-8$"):
            tokens.parse(f"\ufeff{content}".encode(encoding))


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_of_a_valid_token_may_be_in_any_case(scheme):
    assert tokens.check(tokens.parse(line(GOOD).encode()), scheme + GOOD).caller == "planner"


@pytest.mark.parametrize("shown", [GOOD, OTHER, UNKNOWN, GOOD[:-1]])
def test_every_digest_is_compared_whatever_the_token(monkeypatch, shown):
    known = tokens.parse("".join(map(line, (GOOD, REVOKED, OTHER))).encode())
    compared, real = [], hmac.compare_digest
    monkeypatch.setattr("hmac.compare_digest", lambda *both: compared.append({each.hex() for each in both}) or real(*both))
    with nullcontext() if shown in (GOOD, OTHER) else pytest.raises(BadToken):
        tokens.check(known, f"Bearer {shown}")
    assert compared == [{token.digest.hex(), digest(shown)} for token in known]


def test_a_new_token_matches_its_line_and_differs_each_time():
    made = [tokens.new("planner", "read") for _ in range(50)]
    known = tokens.parse("\n".join(text for _, text in made).encode())
    assert [tokens.check(known, f"Bearer {token}") for token, _ in made] == list(known)
    assert all(len(token) == 43 and token not in text for token, text in made)


words = ["planner", "ops", "a", "x" * 64, "x" * 65, "-", "é", "#", "score", "read", "score,read", "read,score", ","]
digests = [*map(digest, (GOOD, OTHER, REVOKED)), GOOD, "0" * 64, "0" * 63, digest(GOOD).upper()]
fields = st.sampled_from(words) | st.sampled_from(digests) | st.text(max_size=5)
valid = st.builds(
    lambda name, scopes, token, blank: f"{name}{blank}{scopes}{blank}{digest(token)}",
    *map(st.sampled_from, (["planner", "ops", "A.b_c-1"], SCOPES)),
    *map(st.sampled_from, ([GOOD, OTHER, REVOKED, UNKNOWN], [" ", "\t", "  \t "])),
)
some = st.one_of(valid, valid, valid, st.just(""), st.just("# é"), st.lists(fields, max_size=5).map(" ".join))
ends = st.sampled_from(["\n", "\r\n", "\n", "\r", "\v", "\u2028"])


@st.composite
def contents(draw):
    """Tokens files: valid ones, and ones with a few bytes changed, added or cut off."""
    text = draw(ends).join(draw(st.lists(some, max_size=5))) + draw(st.sampled_from(["", "\n"]))
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 3]))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.sampled_from([0, 1, 1, 40]))] = draw(st.binary(max_size=1))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.integers(0, 9)) == 0 else content)


def read_by_hand(content):
    """Callers and scopes by digest, None where the file is not valid."""
    found = {}
    for text in content.decode("latin-1").removeprefix("ï»¿").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        parts = [field for field in text.replace("\t", " ").split(" ") if field]
        if not parts or parts[0].startswith("#"):
            continue
        if len(parts) != 3:
            return None
        name, scopes, hexadecimal = parts[0], parts[1].split(","), parts[2].lower()
        right = name[0] in NAME and set(name) <= NAME | set("._-") and len(name) <= 64
        right = right and set(scopes) <= {"score", "read", "outcome"} and len(set(scopes)) == len(scopes)
        right = right and len(hexadecimal) == 64 and set(hexadecimal) <= set("0123456789abcdef")
        if not right or hexadecimal in found:
            return None
        found[hexadecimal] = (name, set(scopes))
    return found or None


@pytest.mark.parametrize("examples", MANY)
def test_a_file_is_valid_exactly_where_a_second_reading_accepts_it(examples):
    @settings(max_examples=examples)
    @given(contents() | st.binary(max_size=200))
    def law(content):
        try:
            known = tokens.parse(content)
        except BadTokens:
            assert read_by_hand(content) is None
        else:
            assert {token.digest.hex(): (token.caller, token.scopes) for token in known} == read_by_hand(content)

    law()


near = st.one_of(
    st.sampled_from([GOOD, OTHER, UNKNOWN, REVOKED, digest(GOOD), GOOD + " ", " " + GOOD, GOOD + "\n", GOOD + "\0"]),
    st.builds(lambda end: GOOD[:end], st.integers(0, len(GOOD))),
    st.builds(lambda place, new: GOOD[:place] + new + GOOD[place + 1 :], st.integers(0, 39), st.characters(codec="latin-1")),
    st.text(st.characters(codec="latin-1"), max_size=50),
)
schemes = ["Bearer", "bearer", "BEARER", "Basic", "", "Bearer Bearer", "Bearer,", "Token", "Bearer:"]
headers = st.one_of(
    st.tuples(st.sampled_from(schemes), st.sampled_from([" ", "", "  ", "\t"]), near).map("".join),
    st.text(st.characters(codec="latin-1"), max_size=200),
    st.sampled_from([made(GOOD) for made in WRONG.values() if made(GOOD) is not None]),
)


@pytest.mark.parametrize("examples", MANY)
def test_a_request_is_answered_exactly_where_its_header_has_a_token_of_the_file(examples, make_client, tmp_path):
    (tmp_path / "tokens").write_text(line(OTHER) + line(GOOD))
    client = make_client(tokens_file=str(tmp_path / "tokens"))

    @settings(max_examples=examples)
    @given(headers)
    def law(header):
        answer = client.get("/version", environ_overrides={"HTTP_AUTHORIZATION": header})
        scheme, _, token = header.partition(" ")
        right = scheme.lower() == "bearer" and token.lstrip(" ") in (GOOD, OTHER)
        assert answer.status_code == (200 if right else 401)
        assert GOOD not in answer.text
        assert answer.headers.get("WWW-Authenticate", "Bearer").startswith("Bearer")

    law()
