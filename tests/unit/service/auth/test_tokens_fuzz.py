"""Generated tokens files and Authorization headers, held against a second reading of both."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.auth import token_store, tokens
from service.auth.token_store import TokenStore
from service.auth.tokens import BadToken, BadTokens
from tests.bearer_tokens import GOOD, OTHER, REVOKED, UNKNOWN, WRONG, digest, line

MANY = [250, pytest.param(25_000, marks=[pytest.mark.long, pytest.mark.longest])]
NAME = set(string.ascii_letters + string.digits)

fields = st.one_of(
    st.sampled_from(
        ["planner", "ops", "a", "x" * 64, "x" * 65, "-", "é", "#", "score", "read", "score,read", "read,score", ","]
    ),
    st.sampled_from([digest(token) for token in (GOOD, OTHER, REVOKED)] + [GOOD, "0" * 64, "0" * 63, digest(GOOD).upper()]),
    st.text(max_size=5),
)
sound = st.builds(
    lambda name, scopes, token, blank: f"{name}{blank}{scopes}{blank}{digest(token)}",
    st.sampled_from(["planner", "ops", "A.b_c-1"]),
    st.sampled_from(tokens.SCOPES),
    st.sampled_from([GOOD, OTHER, REVOKED, UNKNOWN]),
    st.sampled_from([" ", "\t", "  \t "]),
)
some = st.one_of(sound, sound, sound, st.just(""), st.just("# é"), st.lists(fields, max_size=5).map(" ".join))
texts = st.builds(
    lambda found, end, last: end.join(found) + last,
    st.lists(some, max_size=5),
    st.sampled_from(["\n", "\r\n", "\n", "\r", "\v", "\u2028"]),
    st.sampled_from(["", "\n"]),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


@st.composite
def contents(draw):
    """Tokens files: sound ones, and ones with a few bytes changed, added or cut off."""
    content = bytearray(draw(texts))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 3]))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.sampled_from([0, 1, 1, 40]))] = draw(st.binary(max_size=1))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.integers(0, 9)) == 0 else content)


def read_by_hand(content):
    """Callers and scopes by digest, None where the file is not one."""
    found = {}
    for text in content.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        said = [field for field in text.replace("\t", " ").split(" ") if field]
        if not said or said[0].startswith("#"):
            continue
        if len(said) != 3:
            return None
        name, scopes, hexadecimal = said
        parts = scopes.split(",")
        right = name[0] in NAME and set(name) <= NAME | set("._-") and len(name) <= 64
        right = right and set(parts) <= {"score", "read"} and len(set(parts)) == len(parts)
        right = right and len(hexadecimal) == 64 and set(hexadecimal) <= set("0123456789abcdef")
        if not right or hexadecimal in found:
            return None
        found[hexadecimal] = (name, set(parts))
    return found or None


@pytest.mark.parametrize("examples", MANY)
def test_a_file_is_taken_just_where_a_second_reading_takes_it_and_as_the_same(examples):
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


@pytest.mark.parametrize("examples", [40, pytest.param(2_000, marks=pytest.mark.long)])
def test_in_force_is_the_last_sound_content_whatever_the_file_goes_through(examples, tmp_path, monkeypatch):
    for name in ("EVERY", "REST", "PATIENCE"):
        monkeypatch.setattr(token_store, name, 0.0)
    path = tmp_path / "tokens"

    @settings(max_examples=examples)
    @given(st.lists(contents() | st.none(), min_size=1, max_size=6))
    def law(history):
        path.unlink(missing_ok=True)
        ring, expected = TokenStore(str(path), lambda: None), {}
        for content in history:
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)
                expected = read_by_hand(content) or expected
            for token in (GOOD, OTHER, REVOKED, UNKNOWN):
                try:
                    found = ring.check(f"Bearer {token}")
                except BadToken:
                    assert digest(token) not in expected
                else:
                    assert (found.caller, found.scopes) == expected[digest(token)]

    law()


near = st.one_of(
    st.sampled_from([GOOD, OTHER, UNKNOWN, REVOKED, digest(GOOD), GOOD + " ", " " + GOOD, GOOD + "\n", GOOD + "\0"]),
    st.builds(lambda end: GOOD[:end], st.integers(0, len(GOOD))),
    st.builds(lambda place, new: GOOD[:place] + new + GOOD[place + 1 :], st.integers(0, 39), st.characters(codec="latin-1")),
    st.text(st.characters(codec="latin-1"), max_size=50),
)
headers = st.one_of(
    st.builds(
        lambda scheme, blank, token: scheme + blank + token,
        st.sampled_from(["Bearer", "bearer", "BEARER", "Basic", "", "Bearer Bearer", "Bearer,", "Token", "Bearer:"]),
        st.sampled_from([" ", "", "  ", "\t"]),
        near,
    ),
    st.text(st.characters(codec="latin-1"), max_size=200),
    st.sampled_from([made(GOOD) for made in WRONG.values() if made(GOOD) is not None]),
)


@pytest.mark.parametrize("examples", MANY)
def test_a_header_is_let_in_just_where_it_shows_a_token_of_the_file_and_is_else_a_401(examples, make_client, tmp_path):
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
