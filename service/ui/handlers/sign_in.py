"""/ui/sign-in and /ui/sign-out: a person enters a token, and gets a session in its place.

Anybody may send the form of sign-in, as slowly as the deadline of a body permits, and a form has one of the worker's permits
meanwhile. So a worker reads one at a time: the other permits are left to those who have signed in or have a token.
"""

import re
from threading import Lock

from flask import Response

from service.auth.sessions import SECONDS
from service.auth.tokens import BadToken
from service.telemetry.request_context import ENVIRON_KEY
from service.ui.access import COOKIE, is_loopback
from service.ui.visit import PAGES, Visit
from service.web.errors import Problem

_FORM_BYTES = 2**14
"""Bytes of a form that anybody may send."""

_THEN = re.compile(r"([a-z]+)(\?[!-~]*)?")
_turn = Lock()

_NO_TOKENS = "Nobody signs in here: this service uses no tokens."


def form(visit: Visit) -> Response:
    """The form for a token."""
    return visit.page("sign_in.html", problem=None, then=None)


def sign_in(visit: Visit) -> Response:
    """Start a session for the token in the form, and lead to the page that was asked for before. Raises Problem 404 and 503."""
    store = visit.components.token_store
    if store is None:
        raise Problem(404, _NO_TOKENS)
    if not _turn.acquire(blocking=False):
        raise Problem(503, "Somebody else is signing in. Send the form again in a moment.", headers={"Retry-After": "1"})
    try:
        fields = visit.form(_FORM_BYTES).fields
    finally:
        _turn.release()
    try:
        token = store.check(f"Bearer {fields.get('token', '').strip()}")
    except BadToken:
        problem = {"detail": "The token is not valid. Enter it as you were given it."}
        return visit.page("sign_in.html", 401, problem=problem, then=fields.get("then"))
    visit.request.environ[ENVIRON_KEY].notes["caller"] = token.caller
    then = _THEN.fullmatch(fields.get("then", ""))
    response = _lead(then[0] if then is not None and then[1] in {page.name for page in PAGES} else "../ui")
    # Without a path, the cookie is for all pages, below the prefix of a proxy too.
    response.set_cookie(
        COOKIE,
        visit.sessions.cookie(token.digest),
        SECONDS,
        path=None,
        secure=not is_loopback(visit.request.environ),
        httponly=True,
        samesite="Strict",
    )
    return response


def sign_out(visit: Visit) -> Response:
    """End the session, if there is one, for all who have its cookie."""
    if visit.person.signed_in:
        visit.form(_FORM_BYTES)
        visit.sessions.end(visit.person.owner)
    response = _lead("sign-in")
    response.delete_cookie(COOKIE, path=None)
    return response


def _lead(to: str) -> Response:
    return Response(status=303, headers={"Location": to, "Cache-Control": "no-store"})
