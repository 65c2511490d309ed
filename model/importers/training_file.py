"""Reads the .npz that a training script saved: plain arrays by name, of any real type and order.

Its errors name the array, escaped, and say what to save instead: such files are written by scripts of many frameworks.
"""

import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from model.artifact import npz
from model.errors import BadArray, MissingMember, ModelError, ShapeMismatch, UnknownMember, Unreadable
from model.importers.training import Training

_ANY = re.compile(r".*", re.DOTALL)
_KNOWN = re.compile(r"feature_names|mean|scale|check_x|check_scores|[wb][1-9][0-9]{0,2}")
_EXPECTED = "feature_names, mean, scale, w1, b1, w2, b2, …, check_x, check_scores"
_LONGEST_NAME = 64
_OBJECTS = re.compile(rb"\x93NUMPY[^}]*'descr': '\|O'")
_NO_MEAN = "without a mean, as in StandardScaler(with_mean=False), save np.zeros(len(names))"
_NO_SCALE = "without a scale, as in StandardScaler(with_std=False), save np.ones(len(names))"
_INSTEAD_OF_OBJECTS = {"feature_names": "save texts by np.array(names, str)", "mean": _NO_MEAN, "scale": _NO_SCALE}
_STATE_DICT = "; a torch state_dict has names with dots: save each layer's weight as w1, w2, … and its bias as b1, b2, …"


def read(name: str, content: bytes, features: tuple[str, ...] = ()) -> Training:
    """What is in the bytes of the file of this name; given names of the features replace its own. Raises ModelError."""
    arrays = load(name, content, _require_known)
    names = arrays.pop("feature_names")
    if names.dtype.kind != "U":
        raise BadArray("feature_names", "expected texts; save them by np.array(names, str)")
    if features and len(features) != names.size:
        raise ShapeMismatch("feature_names", f"{names.size} names, but {len(features)} are given in their place")
    return Training(features or tuple(names.ravel().tolist()), arrays)


def load(name: str, content: bytes, require: Callable[[Collection[str]], None]) -> dict[str, npt.NDArray[Any]]:
    """The arrays in the bytes of the file of this name, whose names `require` checks first. Raises ModelError."""
    with _errors_in(name):
        members = npz.files(content, _ANY)
    require(members.keys())
    with _errors_in(name):
        return {array: _plain(array, bytes(member.content())) for array, member in members.items()}


def shown(name: str) -> str:
    """The name of an array, for errors."""
    return name.encode("unicode_escape").decode()[:_LONGEST_NAME]


@contextmanager
def _errors_in(name: str) -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        reason = f"{error.reason}; expected a file of np.savez" if error.location == "file" else str(error)
        raise Unreadable(name, reason) from error


def _require_known(names: Collection[str]) -> None:
    already = "; the file is a model file already" if "manifest" in names else ""
    for name in () if already else names:
        if not _KNOWN.fullmatch(name):
            raise UnknownMember(
                shown(name), f"not an array of a model; expected {_EXPECTED}{_STATE_DICT if '.' in name else ''}"
            )
    if "feature_names" not in names:
        raise MissingMember("feature_names", f"not in the training arrays{already}")


def _plain(name: str, content: bytes) -> npt.NDArray[Any]:
    """The array of a complete .npy. An array of elements of no bytes could have any number of them."""
    if _OBJECTS.match(content):
        instead = _INSTEAD_OF_OBJECTS.get(name, "save numbers by np.asarray(array, float)")
        raise BadArray(name, f"not a plain array: it holds Python objects, such as None; {instead}")
    file = io.BytesIO(content)
    try:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # the header parser of NumPy raises many kinds
        raise BadArray(name, "not a plain array") from error
    if file.read(1) or array.size > len(content):
        raise BadArray(name, "its size is not that of its header")
    return array
