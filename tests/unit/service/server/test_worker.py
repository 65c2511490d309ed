import os
from threading import Thread, active_count, local
from threading import enumerate as enumerate_threads
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from service.server.worker import NoHeartbeat, Worker
from service.web.client_address import TRUSTED_PROXY
from service.web.middleware import QUEUE_SECONDS


def test_only_the_first_request_on_a_connection_gets_the_queue_time():
    worker: Any = SimpleNamespace(_taken=local())
    given: list[float | None] = []
    application = Worker._with_queue_time(worker, lambda environ, _: given.append(environ[QUEUE_SECONDS]) or [])
    worker._taken.queue_seconds = 2.0
    for _ in range(3):
        application({}, lambda *_: given.append)
    assert given == [2.0, None, None]


@pytest.mark.parametrize(
    ("allowed", "address", "trusted"),
    [
        *(("127.0.0.1,::1", "127.0.0.1", True), ("127.0.0.1,::1", "10.0.0.7", False), ("127.0.0.1", "", True)),
        *(("10.0.0.0/8", "10.0.0.7", True), ("10.0.0.0/8", "11.0.0.7", False), ("*", "2001:db8::1", True), ("", "::1", False)),
    ],
)
def test_only_a_proxy_that_gunicorn_trusts_may_name_the_client(allowed, address, trusted):
    worker: Any = object.__new__(Worker)
    worker.cfg, worker._taken = Config(), local()
    worker.cfg.set("forwarded_allow_ips", allowed)
    given: list[bool] = []
    application = worker._with_queue_time(lambda environ, _: given.append(environ[TRUSTED_PROXY]) or [])
    application({"REMOTE_ADDR": address, "HTTP_X_FORWARDED_FOR": "9.9.9.9"}, None)
    application({"REMOTE_ADDR": address}, None)
    assert given == [trusted, False]


def pool_of(threads):
    worker: Any = object.__new__(Worker)
    worker.cfg = SimpleNamespace(threads=threads)
    return worker.get_thread_pool()


def test_all_threads_run_before_the_first_request():
    before = active_count()
    pool = pool_of(5)
    assert active_count() == before + 5
    pool.shutdown()


def test_threads_that_wait_for_one_that_cannot_be_started_end(monkeypatch):
    start, before, tried = Thread.start, set(enumerate_threads()), []

    def fail(thread):
        tried.append(thread)
        if len(tried) == 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(Thread, "start", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        pool_of(5)
    for thread in set(enumerate_threads()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_the_mask_of_new_files_is_kept_where_a_worker_gets_no_file(tmp_path):
    cfg = Config()
    cfg.set("worker_tmp_dir", str(tmp_path / "nowhere"))
    mask = os.umask(0o027)
    try:
        with pytest.raises(NoHeartbeat, match="nowhere cannot be made"):
            Worker(1, os.getpid(), [], None, 30, cfg, None)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(mask)


@pytest.mark.parametrize(("files", "most"), [(-1, 1000), (2000, 1000), (300, 236), (60, 8)])
def test_a_worker_has_no_more_connections_than_it_may_open_files(files, most, monkeypatch):
    cfg = Config()
    cfg.set("threads", 8)
    monkeypatch.setattr("resource.getrlimit", lambda _: (files, files))
    worker = Worker(1, os.getpid(), [], None, 30, cfg, None)
    worker.tmp.close()
    assert worker.worker_connections == most


def test_a_busy_worker_shows_that_it_is_alive_ten_times_a_second_at_most(monkeypatch):
    worker = Worker(1, os.getpid(), [], None, 30, Config(), None)
    shown = []
    monkeypatch.setattr("gunicorn.workers.base.Worker.notify", lambda _: shown.append(1))
    for hundredth in range(100):
        monkeypatch.setattr("service.server.connections.perf_counter", lambda at=hundredth: 5000 + at / 100)
        worker.notify()
    worker.tmp.close()
    assert 9 <= len(shown) <= 11
