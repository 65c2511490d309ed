"""Key files: what is a key, and errors that do not repeat it."""

import pytest

from service.auth import key_file
from service.auth.key_file import BadKey


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_key_is_read_without_its_line_end_and_any_other_byte_counts(tmp_path, end):
    path = tmp_path / "key"
    path.write_bytes(b"0123456789abcdef" + end)
    key = key_file.read(str(path))
    assert len(key) == 64
    path.write_bytes(b"0123456789abcdeF")
    assert key_file.read(str(path)) != key


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"SECRET-SECRET-S\n", "expected a key of at least 16 bytes"),
        (b"\n" * 40, "expected a key of at least 16 bytes"),
        (b"SECRET" * 1000, "over 4096 bytes"),
    ],
)
def test_a_file_without_a_key_is_rejected_without_its_content(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(BadKey) as raised:
        key_file.read(str(tmp_path / "key"))
    assert str(raised.value) == reason
