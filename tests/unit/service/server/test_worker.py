from threading import local
from types import SimpleNamespace
from typing import Any

from service.server.worker import Worker
from service.web.middleware import QUEUE_SECONDS


def test_only_the_first_request_on_a_connection_gets_the_queue_time():
    worker: Any = SimpleNamespace(_taken=local())
    given: list[float | None] = []
    application = Worker._with_queue_time(worker, lambda environ, _: given.append(environ[QUEUE_SECONDS]) or [])
    worker._taken.queue_seconds = 2.0
    for _ in range(3):
        application({}, lambda *_: given.append)
    assert given == [2.0, None, None]
