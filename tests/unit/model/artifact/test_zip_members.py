"""Valid archives of other writers, and archives at the limits."""

import io
import struct
import zipfile
import zlib
from unittest.mock import Mock

import numpy as np
import pytest

from model.artifact import model_file, zip_members
from model.errors import TooLarge
from tests.model_files import GOOD, npy, zipped
from tests.model_files import members as arrays
from tests.unit.model.artifact.zips import MEGABYTE, crowd, entry_of, laid_out, longer, patched, patched_twice, zeros


class Stream(io.BytesIO):
    """A file that cannot go back, as a pipe."""

    def seekable(self):
        return False

    def tell(self):
        raise io.UnsupportedOperation


def written(compression, file, extra=b""):
    """The valid file's arrays as zipfile writes them, with this extra field in every header and entry."""
    with zipfile.ZipFile(file, "w", compression) as bundle:
        for name, content in arrays().items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.extra = compression, extra
            bundle.writestr(info, content)
    return file.getvalue()


def saved(save):
    """The valid file's arrays, as NumPy writes them to a stream."""
    stream = Stream()
    save(stream, **np.load(io.BytesIO(GOOD)))
    return stream.getvalue()


VALID = {
    "stored": zipped(arrays().items()),
    "deflated": zipped(arrays().items(), zipfile.ZIP_DEFLATED),
    "stored to a stream": written(zipfile.ZIP_STORED, Stream()),
    "deflated to a stream": written(zipfile.ZIP_DEFLATED, Stream()),
    "saved to a stream": saved(np.savez),
    "saved and deflated to a stream": saved(np.savez_compressed),
    "times in extra fields": written(zipfile.ZIP_DEFLATED, io.BytesIO(), struct.pack("<2HBL", 0x5455, 5, 1, 0)),
    "an extra field": longer(30, struct.pack("<2H", 0x4141, 0)),
    "a comment to an array": longer(32, b"a bias"),
    "a name in UTF-8": patched_twice("b2.npy", 6, "<H", 1 << 11),
    "deflated as hard as could be": patched_twice("b2.npy", 6, "<H", 2),
    "written on another system": patched(entry_of("b2.npy") + 4, "<H", 0x31E),
}


@pytest.mark.parametrize("data", VALID.values(), ids=VALID)
def test_an_archive_of_another_writer_is_read_as_numpy_reads_it(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as bundle:
        assert {f"{name}.npy": npy(bundle[name]) for name in bundle.files} == arrays()
    assert {member.name: member.content() for member in zip_members.read(data, len(data) * 9)} == arrays()
    assert model_file.dumps(model_file.loads(data)) == GOOD


def test_members_at_the_limit_are_read_and_over_it_are_rejected():
    assert len(zip_members.read(crowd(2001), MEGABYTE)) == 2001
    data = zipped([("a", bytes(60)), ("b", bytes(40))])
    assert [member.size for member in zip_members.read(data, 100)] == [60, 40]
    with pytest.raises(TooLarge):
        zip_members.read(data, 99)


def test_any_file_may_unpack_to_16_mb_and_a_large_one_to_a_hundred_times_its_size():
    small = laid_out([zeros("w1", 15 * MEGABYTE)])
    assert zip_members.read(small, 2**30)[0].size > 900 * len(small)
    noise = np.random.default_rng(8).bytes(200_000)
    large = zipped([("noise", noise), ("zeros", bytes(19_000_000))], zipfile.ZIP_DEFLATED)
    assert [member.size for member in zip_members.read(large, 2**30)] == [200_000, 19_000_000]
    with pytest.raises(TooLarge):
        zip_members.read(zipped([("noise", noise), ("zeros", bytes(23_000_000))], zipfile.ZIP_DEFLATED), 2**30)


def test_the_beginning_of_a_member_is_unpacked_without_the_rest(monkeypatch):
    content = npy(np.arange(100_000.0))
    member = zip_members.read(zipped([("w1.npy", content)], zipfile.ZIP_DEFLATED), 2**30)[0]
    assert member.beginning(1024) == content[:1024]
    unpack = Mock(wraps=zlib.decompressobj)
    monkeypatch.setattr(zlib, "decompressobj", unpack)
    assert member.content() == content
    unpack.assert_called_once()


def test_stored_content_is_not_copied_since_copying_a_large_model_would_stop_all_threads():
    data = zipped([("w1.npy", npy(np.arange(1000.0)))])
    content = zip_members.read(data, 2**30)[0].content()
    assert isinstance(content, memoryview)
    assert content.obj is data
