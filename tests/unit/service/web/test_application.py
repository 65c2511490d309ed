"""What a request leaves behind."""

import gc

import flask
import pytest

from tests.facts import ORDER


@pytest.mark.parametrize("path", ["/score", "/nowhere"])
def test_a_request_is_freed_once_it_is_answered_without_a_garbage_collection(client, path):
    for _ in range(2):
        client.post(path, json={"orders": [ORDER]})
    gc.collect()
    gc.disable()
    try:
        client.post(path, json={"orders": [ORDER]})
        kept = [each for each in gc.get_objects() if isinstance(each, flask.Request)]
    finally:
        gc.enable()
    assert len(kept) == 0
