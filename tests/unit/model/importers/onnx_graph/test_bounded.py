"""Small files cannot take much memory: each number that a node makes is counted before it is made."""

import json
import subprocess
import sys

import pytest

from model.errors import TooLarge, Unreadable
from model.importers.onnx_graph import wire
from tests.facts import ROOT

MOST = 320  # MiB: the numbers of the largest model file, and the file itself


def test_files_that_ask_for_much_memory_are_rejected_within_the_limit(tmp_path):
    command = [sys.executable, "-m", "tests.onnx_bombs", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 12
    for each in found:
        assert each["error"] in {"BadNode", "BadGraph", "TooLarge", "Unreadable"}, each
        assert each["grown"] < MOST, each


class Field:
    """A field of a descriptor, as protobuf has them."""

    TYPE_INT32, TYPE_INT64, TYPE_UINT32, TYPE_UINT64, TYPE_ENUM, TYPE_BOOL, TYPE_STRING, TYPE_MESSAGE = range(8)

    def __init__(self, number, type, message_type=None):
        self.number, self.type, self.message_type = number, type, message_type


class Message:
    """A message with a text (1), itself (2) and packed integers (3)."""

    def __init__(self):
        self.fields = [Field(1, Field.TYPE_STRING), Field(2, Field.TYPE_MESSAGE, self), Field(3, Field.TYPE_INT64)]


MESSAGE = Message()


def test_fields_up_to_the_limit_are_read_and_one_more_is_not():
    wire.require_bounded(b"\x0a\x00" * wire.MOST_FIELDS, MESSAGE)
    with pytest.raises(TooLarge):
        wire.require_bounded(b"\x0a\x00" * (wire.MOST_FIELDS + 1), MESSAGE)


def test_each_byte_of_packed_integers_counts_and_a_byte_of_text_does_not():
    count = (150_000).to_bytes(3, "little")
    length = bytes([count[0] & 0x7F | 0x80, 150_000 >> 7 & 0x7F | 0x80, 150_000 >> 14])
    wire.require_bounded(b"\x1a" + length + bytes(150_000), MESSAGE)
    twice = (b"\x1a" + length + bytes(150_000)) * 2
    with pytest.raises(TooLarge):
        wire.require_bounded(twice, MESSAGE)
    text = b"\x0a" + length + bytes(150_000)
    wire.require_bounded(text * 10, MESSAGE)


def test_fields_of_messages_in_messages_count():
    inner = b"\x0a\x00" * 50
    wire.require_bounded((b"\x12\x64" + inner) * 3_500, MESSAGE)
    with pytest.raises(TooLarge):
        wire.require_bounded((b"\x12\x64" + inner) * 4_000, MESSAGE)


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\x05abc",
        b"\x80",
        b"\x08",
        b"\x80" * 11,
        b"\x09\0\0\0",
        b"\x0d\0",
        b"\x0b\x0c",
        b"\x0e",
        b"\x12\x02\x0a\x05",
    ],
    ids=repr,
)
def test_what_is_cut_off_or_of_another_wire_type_is_unreadable(data):
    with pytest.raises(Unreadable):
        wire.require_bounded(data, MESSAGE)


@pytest.mark.parametrize("data", [b"", b"\x08\x96\x01", b"\x09" + bytes(8), b"\x0d" + bytes(4), b"\xfa\x7f\x02ab"], ids=repr)
def test_fields_of_all_types_are_read_known_or_not(data):
    wire.require_bounded(data, MESSAGE)
