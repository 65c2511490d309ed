"""The model files of a folder, found by the SHA-256 of their bytes and loaded when they are needed."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.artifact import model_file
from model.core.activations import NOT_PORTABLE
from model.core.risk_model import RiskModel
from model.errors import ModelError
from schemas.decision_record import RecordedModel
from schemas.files.row import reserved_names
from schemas.validation import BatchValidator
from service.decisions.pace import Paced
from service.decisions.reading import NoLog

_BLOCK = 2**20
_KEPT = 4
"""So many models are in memory at a time."""


class NoModel(Exception):
    """The model of a record cannot be had. The message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownModel:
    """A model, and the validator of its orders. It is `exact` if it gives the same bits on every machine."""

    model: RiskModel
    validator: BatchValidator
    exact: bool


class ModelFiles:
    """The .npz files in this folder and the folders below it, such as a registry; or this one file. Raises NoLog."""

    def __init__(self, path: str) -> None:
        self._by_digest: dict[str, Path] = {}
        self._loaded: OrderedDict[str, KnownModel] = OrderedDict()
        self._failed: dict[str, str] = {}
        try:
            for file in _files(Path(path)):
                with file.open("rb") as content:
                    self._by_digest.setdefault(hashlib.file_digest(content, "sha256").hexdigest(), file)
        except OSError as error:
            raise NoLog(path, f"cannot be read ({error.strerror})") from None

    def get(self, recorded: RecordedModel) -> KnownModel:
        """The model of this digest. Raises NoModel."""
        digest = recorded.sha256
        found = self._loaded.get(digest)
        if found is None:
            if digest in self._failed:
                raise NoModel(self._failed[digest])
            try:
                found = self._load(digest)
            except NoModel as error:
                self._failed[digest] = str(error)
                raise
            self._loaded[digest] = found
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        else:
            self._loaded.move_to_end(digest)
        return found

    def _load(self, digest: str) -> KnownModel:
        if digest not in self._by_digest:
            raise NoModel("no model file has this digest")
        try:
            model = model_file.read(self._by_digest[digest], digest)
            model.require_risk(reserved=reserved_names)
        except ModelError as error:
            raise NoModel(f"{self._by_digest[digest]} is invalid ({error})") from None
        return known(model)


def known(model: RiskModel) -> KnownModel:
    """A model that has been loaded, as records are scored again with it."""
    manifest = model.manifest
    validator = BatchValidator(manifest.inputs, 2**63, manifest.context_names)
    return KnownModel(model, validator, NOT_PORTABLE.isdisjoint(manifest.activations))


def find(path: str, recorded: RecordedModel, pace: Paced) -> KnownModel:
    """The model of this digest in a folder or file, which is hashed no further. Raises NoModel, and OutOfTime.

    The file that has the name of the version in a registry is hashed first.
    """
    try:
        for file in sorted(_files(Path(path)), key=lambda each: each.stem != recorded.version):
            if _digest(file, pace) == recorded.sha256:
                model = model_file.read(file, recorded.sha256)
                model.require_risk(reserved=reserved_names)
                return known(model)
    except ModelError as error:
        raise NoModel(f"its file is invalid ({error})") from None
    except OSError as error:
        raise NoModel(f"the model files cannot be read ({error.strerror})") from None
    raise NoModel("no model file here has its SHA-256")


def _digest(path: Path, pace: Paced) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            pace()
            found.update(block)
    return found.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, _, names in os.walk(path, onerror=_raise):
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".npz"))


def _raise(error: OSError) -> None:
    raise error
