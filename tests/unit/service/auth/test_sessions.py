"""Sessions: what was signed is accepted for its use, by its owner and for its time; nothing else is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.auth.ended_sessions import MOST, EndedSessions
from service.auth.sessions import SECONDS, BadSession, Sessions

DIGEST = bytes(range(32))
SESSIONS = Sessions(b"k" * 64)
COOKIE = SESSIONS.cookie(DIGEST)


def test_a_cookie_has_the_digest_of_its_token_for_twelve_hours(monkeypatch):
    cookie, now = SESSIONS.cookie(DIGEST), time.time()
    assert SECONDS == 12 * 3600
    monkeypatch.setattr(time, "time", lambda: now + SECONDS - 2)
    assert SESSIONS.digest(cookie) == DIGEST
    for at in (now + SECONDS + 2, now - 60):
        monkeypatch.setattr(time, "time", lambda at=at: at)
        with pytest.raises(BadSession):
            SESSIONS.digest(cookie)


def test_a_form_is_valid_for_its_owner_alone_and_for_its_time(monkeypatch):
    mark, now = SESSIONS.form("planner"), time.time()
    SESSIONS.require_form("planner", mark)
    for owner in ("", "planner2", "\udcff"):
        with pytest.raises(BadSession):
            SESSIONS.require_form(owner, mark)
    monkeypatch.setattr(time, "time", lambda: now + SECONDS + 2)
    with pytest.raises(BadSession):
        SESSIONS.require_form("planner", mark)


def test_a_mark_is_no_cookie_and_a_cookie_no_mark():
    with pytest.raises(BadSession):
        SESSIONS.digest(SESSIONS.form(""))
    cookie = SESSIONS.cookie(DIGEST)
    with pytest.raises(BadSession):
        SESSIONS.require_form(DIGEST.hex(), cookie)


def test_a_session_that_is_ended_is_rejected_in_every_worker_and_no_other_session_is(monkeypatch):
    own = Sessions(b"k" * 64)
    ended, other, now = own.cookie(DIGEST), own.cookie(DIGEST), time.time()
    own.attach(3)
    own.end(ended)
    own.attach(4)
    with pytest.raises(BadSession):
        own.digest(ended)
    assert own.digest(other) == DIGEST
    own.attach(3)  # the next worker of this slot
    own.end(other)
    for cookie in (ended, other):
        with pytest.raises(BadSession):
            own.digest(cookie)
    monkeypatch.setattr(time, "time", lambda: now + SECONDS + 2)
    own.end("another")
    assert ended not in own._ended, "it is kept after it would have expired"


def test_only_so_many_sessions_are_remembered_of_each_worker_the_newest():
    ended = EndedSessions(SECONDS)
    for number in range(MOST + 2):
        ended.add(str(number))
    assert [str(number) in ended for number in (0, 1, 2, MOST + 1)] == [False, False, True, True]


def test_another_key_accepts_neither():
    other = Sessions(b"k" * 63 + b"l")
    with pytest.raises(BadSession):
        other.digest(SESSIONS.cookie(DIGEST))
    with pytest.raises(BadSession):
        other.require_form("planner", SESSIONS.form("planner"))


@given(st.data())
def test_a_cookie_with_any_character_changed_is_rejected(data):
    cookie = COOKIE
    at = data.draw(st.integers(0, len(cookie) - 2))  # the last character of base64 has bits that are not used
    character = data.draw(st.characters())
    forged = cookie[:at] + character + cookie[at + 1 :]
    if forged != cookie:
        with pytest.raises(BadSession):
            SESSIONS.digest(forged)


@given(st.text())
def test_any_other_text_is_rejected(text):
    with pytest.raises(BadSession):
        SESSIONS.digest(text)
