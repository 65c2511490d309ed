"""Text that is written into binary files, gzipped or not."""

import gzip
import io

import pytest

from service.offline.text_files import text_writer

TEXT = "order_id,score\r\nStraße,1\n\udce9\r"
BYTES = b"order_id,score\r\nStra\xc3\x9fe,1\n\xe9\r"


@pytest.mark.parametrize(("gzipped", "content"), [(False, bytes), (True, gzip.decompress)])
def test_the_bytes_that_are_written_are_those_that_were_read(tmp_path, gzipped, content):
    with open(tmp_path / "out", "wb") as stream, text_writer(stream, gzipped=gzipped) as text:
        text.write(TEXT)
    assert content((tmp_path / "out").read_bytes()) == BYTES


def test_gzipped_text_has_no_time_and_no_name():
    stream = io.BytesIO()
    text_writer(stream, gzipped=True).close()
    assert stream.getvalue()[:10] == bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])  # RFC 1952: no flags, MTIME 0
