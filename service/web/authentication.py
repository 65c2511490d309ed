"""Gate: where tokens are asked for, what a request must show before its route is entered and its body is read.

A path that no route has is hidden from whoever has no valid token: 401 there too, and 404 or 405 with any valid one. The
body of a request that is turned away stays unread; gunicorn discards it where it is short and closes the connection where
it is not, so no byte of it is ever taken for the next request.
"""

from flask import Flask, request

from service.auth import tokens
from service.auth.token_store import TokenStore
from service.auth.tokens import BadToken
from service.metrics.recorder import Metrics
from service.web import middleware
from service.web.errors import Problem

REALM = 'Bearer realm="delivery-risk"'


def register(app: Flask, token_store: TokenStore, metrics: Metrics) -> None:
    """Ask for a token of this keyring on every route but the probes."""

    @app.before_request
    def pass_or_refuse() -> None:
        rule = request.url_rule
        needed = None if rule is None else tokens.scope(request.method, rule.rule)
        if rule is not None and needed is None:
            token_store.follow()  # so that probes keep an idle worker abreast of the file
            return
        try:
            token = token_store.check(request.environ.get("HTTP_AUTHORIZATION"))
        except BadToken as error:
            challenge = REALM if error.missing else f'{REALM}, error="invalid_token"'
            detail = "A bearer token is needed." if error.missing else "The bearer token is not a valid one."
            raise Problem(401, detail, headers={"WWW-Authenticate": challenge}) from None
        middleware.current().notes["caller"] = token.caller
        metrics.called(token.caller)
        if needed is not None and needed not in token.scopes:
            challenge = f'{REALM}, error="insufficient_scope", scope="{needed}"'
            raise Problem(403, f"The token lacks the scope {needed}.", headers={"WWW-Authenticate": challenge})
