"""Reads the mean and scale of the features from a file beside a network: .json or .npz.

    {"mean": [4.2, 310.0], "scale": [2.5, 120.0], "feature_names": ["backlog", "distance_km"]}

A .npz has arrays of these names. The names of the features are optional.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.artifact import checks, inputs
from model.errors import BadManifest, MissingMember, UnknownMember
from model.importers import training_file
from model.importers.training import Training

_NAMES = ("feature_names", "mean", "scale")
_numbers = checks.list_of(inputs.number)
_entries = checks.object_of(dict, {"mean": _numbers, "scale": _numbers}, {"feature_names": checks.list_of(inputs.name)})


def with_scaler(read: Training, path: Path | str | None, content: bytes) -> Training:
    """What was read, with the mean and scale in these bytes of the scaler's file, and the names of its features if it has none.

    Without a path, what was read must have its own. Raises ModelError.
    """
    own = [name for name in ("mean", "scale") if name in read.arrays]
    if path is None:
        if own:
            return read
        raise MissingMember("mean", "not in the file; give the mean and scale of the features by --scaler")
    if own:
        raise BadManifest("scaler", f"the network's file has its own {' and '.join(own)}; leave the scaler out")
    arrays = _arrays(Path(path).name, content)
    names = read.names or tuple(map(str, arrays.pop("feature_names", np.array([], str)).ravel().tolist()))
    if not names:
        raise MissingMember("feature_names", "not in the file; give --features NAME,NAME,… in the order of the columns")
    return replace(read, names=names, arrays={**read.arrays, "mean": arrays["mean"], "scale": arrays["scale"]})


def _arrays(name: str, content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays in the bytes of the scaler's file of this name."""
    if content.startswith(b"PK"):
        return training_file.load(name, content, _require_names)
    return {each: np.array(entry) for each, entry in _entries(checks.read_json(content, "scaler"), "scaler").items()}


def _require_names(names: Collection[str]) -> None:
    for name in names:
        if name not in _NAMES:
            raise UnknownMember(training_file.shown(name), f"not an array of a scaler; expected {', '.join(_NAMES)}")
    for name in ("mean", "scale"):
        if name not in names:
            raise MissingMember(name, "not in the file; save it by np.savez(file, mean=scaler.mean_, scale=scaler.scale_)")
