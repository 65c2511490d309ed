"""Files of text that are written: UTF-8, with the bytes that were read, gzipped or not."""

import gzip
import io
from typing import BinaryIO, TextIO, cast

_GZIP_LEVEL = 6  # gzip's own; Python's default, 9, saves little and takes three times as long


def text_writer(stream: BinaryIO, *, gzipped: bool) -> TextIO:
    """A text file on a binary one. Gzipped it has no time and no name in it, so that the same text has the same bytes.

    Close it before the stream: that writes the rest. Only if it is not gzipped does that close the stream too.
    """
    content = cast(BinaryIO, gzip.GzipFile("", "wb", _GZIP_LEVEL, stream, mtime=0)) if gzipped else stream
    return io.TextIOWrapper(content, "utf-8", "surrogateescape", newline="")
