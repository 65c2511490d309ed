"""The table of the files that an import reads: what each kind begins with, how its names end, and what reads it.

The beginning of a file decides before its name. A file of no kind is read as an .npz, whose reader says what it expects.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeAlias

from model.importers import framework_files, safetensors_file, training_file
from model.importers.onnx_graph import reader as onnx_graph
from model.importers.training import Training

Read: TypeAlias = Callable[[str, bytes, tuple[str, ...]], Training]
"""Reads the bytes of a file of this name, whose features have the given names if there are any. Raises ModelError."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of file."""

    beginning: re.Pattern[bytes]
    suffix: str
    read: Read


_NPZ = Source(re.compile(rb"PK[\x03\x05]"), ".npz", training_file.read)
SOURCES = (
    # First: the length at its beginning may look like the beginning of a pickle or of a compressed file.
    Source(safetensors_file.BEGINNING, ".safetensors", safetensors_file.read),
    *(Source(each.beginning, suffix, each.read) for each in framework_files.FILES for suffix in each.suffixes),
    Source(re.compile(rb"\x08[\x03-\x20][\x12\x1a\x22\x28\x32\x3a\x42]"), ".onnx", onnx_graph.read),
    _NPZ,
)


def read(name: str, content: bytes, features: tuple[str, ...] = ()) -> Training:
    """What is in the bytes of the file of this name. Raises ModelError."""
    suffix = PurePath(name).suffix.lower()
    by_content = (each for each in SOURCES if each.beginning.match(content))
    by_name = (each for each in SOURCES if each.suffix == suffix)
    source = next(by_content, None) or next(by_name, _NPZ)
    return source.read(name, content, features)
