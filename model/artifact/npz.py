"""Archive: named arrays in a zip of .npy members, as np.savez writes them and np.load reads them.

Written without compression, times or attributes, so the same arrays give the same bytes. Read in an order that bounds
memory: the directory first (see members.py), then the names, then every header, then as many bytes as its shape takes. A
header is taken only as NumPy writes it for a C-ordered little-endian float64 or uint8 array of at most two dimensions: it
is matched, never evaluated. Nothing is unpickled. All arrays together hold at most LIMIT bytes.
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


class _Form(NamedTuple):
    """What a member's header says: the array begins there, and is of this type and shape."""

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
    """Every array of the archive, float64 or uint8, C-ordered, little-endian, read-only. Raises ModelError.

    A name that `known` does not match in full is refused before any array is read.
    """
    found = files(data, known)
    forms = {name: _form(name, member) for name, member in found.items()}
    return {name: _array(found[name].content(), form) for name, form in forms.items()}


def files(data: bytes, known: re.Pattern[str]) -> dict[str, Member]:
    """The archive's members by name, each a .npy that is not read yet. Raises ModelError."""
    if len(data) > LIMIT:
        raise TooLarge("file", f"over {LIMIT} bytes")
    found: dict[str, Member] = {}
    for member in zip_members.read(data, LIMIT):
        name = member.name.removesuffix(".npy")
        if name == member.name or not known.fullmatch(name):
            raise UnknownMember(member.place, "not an array that the format knows")
        if name in found:
            raise DuplicateMember(name, "stands in the file twice")
        found[name] = member
    return found


def _form(name: str, member: Member) -> _Form:
    header = _HEADER.match(member.beginning(_HEADER_LIMIT))
    if header is None or int.from_bytes(header["length"], "little") != header.end() - 10:
        raise BadArray(name, "expected a .npy header (1.0) of C-ordered little-endian float64, or uint8 for the manifest")
    dtype = np.dtype(header["descr"].decode())
    shape = tuple(int(extent) for extent in header.group(3, 4) if extent is not None)
    size = math.prod(shape) * dtype.itemsize
    if header.end() + size != member.size:
        raise BadArray(name, "its size is not the one its header gives")
    if dtype == np.uint8 and size > manifest.LIMIT:
        raise TooLarge(name, f"over {manifest.LIMIT} bytes")
    return _Form(header.end(), dtype, shape)


def _array(content: bytes, form: _Form) -> npt.NDArray[np.generic]:
    # The copy lies where the processor likes numbers to lie, wherever the member lay in the file.
    return np.frombuffer(content[form.begin :], form.dtype).reshape(form.shape)
