"""Authentication: checks the token of a request before its route is entered and its body is read.

A path that does not exist is hidden from callers without a valid token: they get 401, others 404 or 405. The body of a
rejected request stays unread. gunicorn discards it where it is short and closes the connection where it is not, so no byte
of it is taken for the next request.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from service.auth.token_store import TokenStore
from service.auth.tokens import BadToken
from service.telemetry.request_context import ENVIRON_KEY
from service.web.errors import Problem
from service.web.route import ROUTES_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REALM = 'Bearer realm="delivery-risk"'


def checker(token_store: TokenStore) -> Callable[["WSGIEnvironment"], None]:
    """What checks the token of every request but those for routes without a scope. It raises Problem."""

    def check(environ: "WSGIEnvironment") -> None:
        method, needed = environ["REQUEST_METHOD"], None
        route = environ[ROUTES_KEY].get(method)
        if route is not None:
            if route.scope is None:
                return
            # HEAD and OPTIONS read.
            needed = route.scope if method == route.method else "read"
        try:
            token = token_store.check(environ.get("HTTP_AUTHORIZATION"))
        except BadToken as error:
            challenge = REALM if error.missing else f'{REALM}, error="invalid_token"'
            detail = "The request needs a bearer token." if error.missing else "The bearer token is not valid."
            raise Problem(401, detail, headers={"WWW-Authenticate": challenge}) from None
        environ[ENVIRON_KEY].notes["caller"] = token.caller
        if needed is not None and needed not in token.scopes:
            challenge = f'{REALM}, error="insufficient_scope", scope="{needed}"'
            raise Problem(403, f"The token lacks the scope {needed}.", headers={"WWW-Authenticate": challenge})

    return check
