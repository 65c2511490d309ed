"""Named arrays in a zip of .npy members, as np.savez writes them and np.load reads them.

They are written without compression, times or attributes, so the same arrays give the same bytes. They are read in an order
that bounds memory: the directory (see zip_members.py), the names, each header, then as many bytes as its shape needs. A
header must be the one that NumPy writes for a C-ordered little-endian float64 or uint8 array of at most two dimensions; it
is matched, never evaluated. Nothing is unpickled. All arrays together take at most LIMIT bytes.
"""

import io
import math
import re
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.artifact import manifest, zip_members
from model.artifact.zip_members import Member
from model.errors import BadArray, DuplicateMember, TooLarge, UnknownMember

LIMIT = 256 * 2**20
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"\{'descr': '(?P<descr><f8|\|u1)', 'fortran_order': False, "
    rb"'shape': \((?:(0|[1-9]\d{0,8}),(?: (0|[1-9]\d{0,8}))?)?\), \} *\n",
    re.DOTALL,
)
_HEADER_LIMIT = 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Header(NamedTuple):
    """Where the array begins in the member, and its type and shape."""

    begin: int
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]


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
    """Every array of the archive, float64 or uint8, Fortran-ordered, little-endian, read-only. Raises ModelError.

    A name that `known` does not match completely is rejected before any array is read.
    """
    found = files(data, known)
    headers = {name: _header(name, member) for name, member in found.items()}
    return {name: _array(found[name], at) for name, at in headers.items()}


def files(data: bytes, known: re.Pattern[str]) -> dict[str, Member]:
    """The members by name without .npy, none of them read yet. Raises ModelError."""
    if len(data) > LIMIT:
        raise TooLarge("file", f"over {LIMIT} bytes")
    found: dict[str, Member] = {}
    for member in zip_members.read(data, LIMIT):
        name = member.name.removesuffix(".npy")
        if name == member.name or not known.fullmatch(name):
            raise UnknownMember(member.location, "not an array of the format")
        if name in found:
            raise DuplicateMember(name, "in the file twice")
        found[name] = member
    return found


def _array(member: Member, at: _Header) -> npt.NDArray[np.generic]:
    """The array in the member. It is NumPy's copy, aligned in memory and made beside other threads.

    It has Fortran order, as the network reads weights: input by input.
    """
    array = np.frombuffer(member.content(), at.dtype, offset=at.begin).reshape(at.shape).copy(order="F")
    array.flags.writeable = False
    return array


def _header(name: str, member: Member) -> _Header:
    header = _HEADER.match(member.beginning(_HEADER_LIMIT))
    if header is None or int.from_bytes(header["length"], "little") != header.end() - 10:
        raise BadArray(name, "expected a .npy header (1.0) of C-ordered little-endian float64, or uint8 for the manifest")
    dtype = np.dtype(header["descr"].decode())
    shape = tuple(int(extent) for extent in header.group(3, 4) if extent is not None)
    size = math.prod(shape) * dtype.itemsize
    if header.end() + size != member.size:
        raise BadArray(name, "its size is not that of its header")
    if dtype == np.uint8 and size > manifest.LIMIT:
        raise TooLarge(name, f"over {manifest.LIMIT} bytes")
    return _Header(header.end(), dtype, shape)
