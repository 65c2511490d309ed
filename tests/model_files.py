"""Parts of the valid model file, and files made of them."""

import io
import json
import os
import struct
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.artifact import manifest, model_file
from model.errors import ModelError
from model.packaged import packaged_model
from tests.facts import FEATURES
from tests.models import reference_of

GOOD = model_file.dumps(packaged_model())
ARRAYS = ("manifest", "mean", "scale", "w1", "b1", "w2", "b2")

# Values for rejected entries: no message may repeat them.
SECRET_TEXT = "tattletale"
SECRET_NUMBER = 8675309.25
SECRETS = (SECRET_TEXT, "8675309")

MISSING = object()


@contextmanager
def rejects(error: type[ModelError], location: str) -> Iterator[pytest.ExceptionInfo[ModelError]]:
    """The block must raise exactly this error with this location, and its message must not repeat a value of a file."""
    with pytest.raises(ModelError) as rejected:
        yield rejected
    assert (type(rejected.value), rejected.value.location) == (error, location)
    assert str(rejected.value) == f"{location}: {rejected.value.reason}"
    assert not any(secret in str(rejected.value) for secret in SECRETS)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path | str):
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


def members(data: bytes = GOOD) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        return {info.filename: bundle.read(info) for info in bundle.infolist()}


def zipped(content: Iterable[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED, before: bytes = b"") -> bytes:
    """An archive of these files, which begins behind these bytes."""
    archive = io.BytesIO()
    archive.write(before)
    with zipfile.ZipFile(archive, "w", compression) as bundle:
        for name, data in content:
            # A name given twice is what some tests want; from writestr it would be a warning.
            bundle.NameToInfo.pop(name, None)
            bundle.writestr(name, data)
    return archive.getvalue()


def changed(content: dict[str, bytes | None], data: bytes = GOOD) -> bytes:
    """A valid file with these members replaced or added, or left out where None."""
    return zipped((name, data) for name, data in (members(data) | content).items() if data is not None)


def npy(array: Any, version: tuple[int, int] = (1, 0), allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), version=version, allow_pickle=allow_pickle)
    return file.getvalue()


def headed(header: str, body: bytes = b"") -> bytes:
    """A version 1.0 .npy of exactly this header."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def described(descr: str, shape: str, body: bytes = b"", fortran: bool = False) -> bytes:
    """A .npy with this header entry by entry, and this body."""
    return headed(f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}", body)


def document() -> dict[str, Any]:
    """The valid file's manifest."""
    return dict(json.loads(np.load(io.BytesIO(GOOD))["manifest"].tobytes()))


def referred_document() -> dict[str, Any]:
    """The same with a reference."""
    return dict(json.loads(manifest.write(replace(packaged_model().manifest, baseline=reference_of(FEATURES)))))


def edited(path: Iterable[str | int], value: Any, full: dict[str, Any] | None = None) -> dict[str, Any]:
    """The valid manifest, or another, with one entry replaced, added or left out."""
    full = deepcopy(full or document())
    *way, last = path
    entry: Any = full
    for step in way:
        entry = entry[step]
    if value is MISSING:
        del entry[last]
    else:
        entry[last] = value
    return full


def with_manifest(manifest: dict[str, Any] | bytes, data: bytes = GOOD) -> bytes:
    """A valid file under another manifest."""
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return changed({"manifest.npy": npy(np.frombuffer(text, np.uint8))}, data)
