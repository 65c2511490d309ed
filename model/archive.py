"""Archive: named arrays in a zip of .npy members, as np.savez writes them and np.load reads them.

Written without compression, times or attributes, so the same arrays give the same bytes. Read in an order that bounds
memory: the directory first (names, sizes, compression), then each member's header, then as many bytes as its shape takes.
A header is taken only as NumPy writes it for a C-ordered little-endian float64 or uint8 array of at most two dimensions:
it is matched, never evaluated. Nothing is unpickled. All arrays together hold at most LIMIT bytes.
"""

import io
import math
import re
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from model.errors import BadArray, DuplicateMember, TooLarge, UnknownMember, Unreadable

LIMIT = 256 * 2**20
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '(?P<descr><f8|\|u1)', 'fortran_order': False, 'shape': \((?:(\d{1,9}),(?: (\d{1,9}))?)?\), \} *\n"
)
_MEMBERS = 2000
_PLAIN = re.compile(r"[a-z0-9_]{1,32}")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, OverflowError)


def write(arrays: Mapping[str, npt.NDArray[np.generic]]) -> bytes:
    """The archive of these arrays, in their order."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            bundle.writestr(info, member.getvalue())
    return archive.getvalue()


def read(data: bytes, known: re.Pattern[str]) -> dict[str, npt.NDArray[np.generic]]:
    """Every array of the archive, float64 or uint8, C-ordered, little-endian, read-only. Raises ModelError.

    A name that `known` does not match in full is refused before any array is read.
    """
    if len(data) > LIMIT or data.count(b"PK\x01\x02") > _MEMBERS:
        raise TooLarge("file", f"over {LIMIT} bytes, or {_MEMBERS} arrays")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            return {name: _array(bundle, name, info) for name, info in _directory(bundle, known).items()}
    except _BROKEN as error:
        raise Unreadable("file", "not a sound zip archive") from error


def _directory(bundle: zipfile.ZipFile, known: re.Pattern[str]) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in bundle.infolist():
        name = info.orig_filename.removesuffix(".npy")
        if name == info.orig_filename or not known.fullmatch(name):
            raise UnknownMember(name if _PLAIN.fullmatch(name) else "file", "not an array that the format knows")
        if name in members:
            raise DuplicateMember(name, "stands in the file twice")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadArray(name, "encrypted, or compressed by a method other than deflate")
        members[name] = info
    if sum(info.file_size for info in members.values()) > LIMIT:
        raise TooLarge("file", f"its arrays take more than {LIMIT} bytes")
    return members


def _array(bundle: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> npt.NDArray[np.generic]:
    with bundle.open(info) as member:
        start = member.read(len(_MAGIC) + 2)
        header = _HEADER.fullmatch(member.read(int.from_bytes(start[-2:], "little")))
        if start[:-2] != _MAGIC or header is None:
            raise BadArray(name, "expected a .npy header (1.0) of C-ordered little-endian float64, or uint8 for the manifest")
        dtype = np.dtype(header["descr"].decode())
        shape = tuple(int(extent) for extent in header.group(2, 3) if extent is not None)
        size = math.prod(shape) * dtype.itemsize
        if size > info.file_size:
            raise BadArray(name, "its header promises more bytes than the member holds")
        content = member.read(size + 1)
    if len(content) != size:
        raise BadArray(name, "its size is not the one its header gives")
    return np.frombuffer(content, dtype).reshape(shape)
