from threading import local
from types import SimpleNamespace

from service.server.worker import Worker
from service.web.middleware import QUEUE_SECONDS


def test_only_the_first_request_on_a_connection_gets_the_queue_time():
    worker, given = SimpleNamespace(_taken=local()), []
    application = Worker._with_queue_time(worker, lambda environ, _: given.append(environ[QUEUE_SECONDS]) or [])
    worker._taken.queue_seconds = 2.0
    for _ in range(3):
        application({}, None)
    assert given == [2.0, None, None]
