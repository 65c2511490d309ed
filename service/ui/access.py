"""Access: who may see a page.

Where tokens are used, people enter theirs once, and a cookie takes its place. Where a proxy has a login of its own, the header
in which it sends the user counts, if the connection is from a listed proxy; a client could send any. Without either, everybody
may see all pages, as everybody may call all routes. A request that sends a form must come from a page of this service: browsers
send its Origin.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.sansio.http import parse_cookie

from service.auth.sessions import BadSession, Sessions
from service.auth.token_store import TokenStore
from service.auth.tokens import BadToken
from service.config import Settings
from service.telemetry.request_context import ENVIRON_KEY
from service.ui_settings import USER_SCOPES
from service.web.authentication import REALM
from service.web.errors import Problem
from service.web.fast_lane import Check
from service.web.path import path_of
from service.web.route import ROUTES_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ROOT = "/ui"
COOKIE = "delivery_risk_session"
PERSON = "delivery_risk.person"
"""In the environ: the Person who sends a request, once it is known."""

ASKED = "Sign in to see this page."
"""The detail of the 401 for a person who has not signed in."""

_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Person:
    """Who sends a request: the `name`, if it is known, and the `scopes`. Forms are signed for the `owner`.

    A person is `signed_in` by a session, for which the name is that of a caller; else the name is from a proxy.
    """

    name: str | None
    scopes: frozenset[str]
    owner: str
    signed_in: bool = False


ANYBODY = Person(None, frozenset(USER_SCOPES), "")


def has(path: str) -> bool:
    """Whether a path is one of the pages'."""
    return path == ROOT or path.startswith(f"{ROOT}/")


class Access:
    """Knows the person of a request. `token_store` is None where no tokens are used."""

    def __init__(self, settings: Settings, token_store: TokenStore | None, sessions: Sessions) -> None:
        self._token_store, self._sessions = token_store, sessions
        name = settings.ui_user_header
        self._header = None if name is None else f"HTTP_{name.upper().replace('-', '_')}"
        self._proxies = settings.ui_user_header_from
        self._user_scopes = frozenset(settings.ui_user_scopes)

    @property
    def takes_tokens(self) -> bool:
        """Whether a person can sign in with a token."""
        return self._token_store is not None

    def checker(self, others: Check | None) -> Check:
        """What checks requests for pages; it has requests for other paths checked by `others`."""

        def check(environ: "WSGIEnvironment") -> None:
            if has(path_of(environ)):
                self.check(environ)
            elif others is not None:
                others(environ)

        return check

    def check(self, environ: "WSGIEnvironment") -> None:
        """Put the person of a request for a page into its environ, if it is known. Raises Problem 401 and 403."""
        method = environ["REQUEST_METHOD"]
        route = environ[ROUTES_KEY].get(method)
        if method == "POST" and not _is_own(environ):
            raise Problem(403, "The form was not sent from a page of this service. Open the page and send it from there.")
        try:
            person = environ[PERSON] = self.person(environ)
        except Problem:
            if route is not None and route.scope is None:
                return
            raise
        if not environ[ROUTES_KEY]:
            raise Problem(404, "There is no such page.")
        if person.name is not None:
            environ[ENVIRON_KEY].notes["caller" if person.signed_in else "user"] = person.name
        if route is not None and route.scope not in (None, *person.scopes):
            raise Problem(403, f"This page needs the scope {route.scope}, which you do not have.")

    def person(self, environ: "WSGIEnvironment") -> Person:
        """Who sends this request. Raises Problem 401."""
        if self._header is not None and self._is_from_proxy(environ):
            name = environ.get(self._header, "").encode("latin-1").decode("utf-8", "replace").strip()
            # A comma joins two headers, one of which the proxy has let through.
            if name and name.isprintable() and "," not in name and len(name) <= _LONGEST_NAME:
                return Person(name, self._user_scopes, f"user {name}")
        if self._token_store is not None:
            return self._by_cookie(self._token_store, environ)
        if self._header is not None:
            raise Problem(401, "The proxy in front of this service has sent no user. Sign in there.")
        return ANYBODY

    def _by_cookie(self, token_store: TokenStore, environ: "WSGIEnvironment") -> Person:
        # Another cookie of the host may have any bytes, so the header is not decoded.
        cookie = parse_cookie(environ.get("HTTP_COOKIE", "")).get(COOKIE)
        challenge = {"WWW-Authenticate": REALM}
        if cookie is None:
            raise Problem(401, ASKED, headers=challenge)
        try:
            token = token_store.with_digest(self._sessions.digest(cookie))
        except (BadSession, BadToken):
            raise Problem(401, "The session has ended. Sign in again.", headers=challenge) from None
        return Person(token.caller, token.scopes, cookie, signed_in=True)

    def _is_from_proxy(self, environ: "WSGIEnvironment") -> bool:
        """Whether the connection is that of a listed proxy. One through a Unix socket has no address."""
        if "PROXY_PROTOCOL" in environ:  # then the address is that of the client, or None
            return False
        try:
            address = ip_address(environ.get("REMOTE_ADDR", "").partition("%")[0])
        except ValueError:
            return "unix" in self._proxies
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(each != "unix" and mapped in each for each in self._proxies)


def _is_own(environ: "WSGIEnvironment") -> bool:
    """Whether a form was sent from a page of this service: whether the Origin of the request is where it was sent to.

    A proxy may leave the port out of Host, or end TLS. Then the browser itself says whether the origin is the same.
    """
    try:
        origin, host = urlsplit(environ.get("HTTP_ORIGIN", "")), urlsplit(f"//{environ.get('HTTP_HOST', '')}")
        same_host, same_port = origin.hostname == host.hostname, origin.netloc == host.netloc
    except ValueError:
        return False
    says = environ.get("HTTP_SEC_FETCH_SITE")
    return bool(origin.hostname) and same_host and (says == "same-origin" or (says is None and same_port))


def is_loopback(environ: "WSGIEnvironment") -> bool:
    """Whether a browser sends the request to its own machine, where a cookie needs no TLS."""
    try:
        host = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def page_at(environ: "WSGIEnvironment") -> str | None:
    """The name of the page that was asked for, with its query; None if it cannot be asked for again."""
    path, query = path_of(environ), environ.get("QUERY_STRING", "")
    if path == ROOT or environ["REQUEST_METHOD"] != "GET" or "GET" not in environ[ROUTES_KEY]:
        return None
    return path.removeprefix(f"{ROOT}/") + (f"?{query}" if query else "")
