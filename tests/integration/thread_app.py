"""The service as gunicorn serves it, but each answer has the name of the thread that made it."""

import threading

from service.wsgi import app

_answer = app.wsgi_app


def _named(environ, start_response):
    def start(status, headers, exc_info=None):
        return start_response(status, [*headers, ("X-Thread", threading.current_thread().name)], exc_info)

    return _answer(environ, start)


app.wsgi_app = _named  # type: ignore[method-assign]
__all__ = ["app"]
