"""Uploads to an object store: the object has the content of a file, or is not there. Needs pyarrow.

A stream of pyarrow completes its upload when it is closed, and is closed when nothing refers to it any more, also after an
error. So what it gets cannot fail to be read: it is a mapped file, which ends the process where it is not there. Its parts
are uploaded in the background; one that fails keeps the upload from being completed, and fails the stream's end.
"""

import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from pyarrow import fs

_SLICE = 2**26
"""Bytes that are uploaded at a time: so many are in memory."""


def upload(path: str, store: Any, target: str) -> None:
    """Give an object the content of the file at this path. Raises OSError; then the store has no such object.

    Another thread does it: a signal raises an exception in the main one, which would end it between two calls.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_upload, path, store, target).result()


def _upload(path: str, store: Any, target: str) -> None:
    with _mapped(path) as content:
        try:
            with store.open_output_stream(target, compression=None) as stream:
                for begin in range(0, len(content), _SLICE):
                    stream.write(content[begin : begin + _SLICE])
                    stream.flush()
            if store.get_file_info(target).size != len(content):
                raise OSError("the upload is not complete; run the command again")
        except BaseException:
            if store.get_file_info(target).type == fs.FileType.File:
                store.delete_file(target)
            raise


@contextmanager
def _mapped(path: str) -> Iterator[memoryview]:
    if not os.path.getsize(path):
        yield memoryview(b"")
        return
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as content,
    ):
        yield content
