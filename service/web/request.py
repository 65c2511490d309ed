"""Request: Flask's request, with the request context that the middleware has put into its environ."""

from typing import TYPE_CHECKING, cast

import flask

from service.telemetry.request_context import ENVIRON_KEY, RequestContext

if TYPE_CHECKING:
    from werkzeug.local import LocalProxy


class Request(flask.Request):
    """A request that knows its context."""

    @classmethod
    def current(cls) -> "Request":
        """The request that this thread answers."""
        return cast("LocalProxy[Request]", flask.request)._get_current_object()

    @property
    def context(self) -> RequestContext:
        """The id of this request, its notes and timings."""
        return cast(RequestContext, self.environ[ENVIRON_KEY])
