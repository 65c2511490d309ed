"""The exported files in tests/data/onnx, see exported_models.py, and models imported from ONNX."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onnx import ModelProto

from model.core.risk_model import RiskModel
from model.importers.arrays import training_arrays
from tests.facts import DATA
from tests.training_arrays import LABEL

EXPORTED = DATA / "onnx"
EXPORTS = tuple(sorted(path.stem for path in EXPORTED.glob("*.onnx")))


@dataclass
class Export:
    """An exported file with rows of orders and the framework's own scores; `features` are the names to give."""

    path: Path
    features: tuple[str, ...]
    orders: list[tuple[Any, ...]]
    scores: list[float]


def export(name: str) -> Export:
    found = json.loads((EXPORTED / f"{name}.json").read_text())
    orders = [tuple(row) for row in found["orders"]]
    return Export(EXPORTED / f"{name}.onnx", tuple(found["features"]), orders, found["scores"])


def imported(graph: ModelProto | bytes, folder: Path, names: Sequence[str] = (), **given: Any) -> RiskModel:
    """The model in this graph; its columns get these names."""
    path = folder / "model.onnx"
    path.write_bytes(graph if isinstance(graph, bytes) else graph.SerializeToString())
    return training_arrays(path, replace(LABEL, features=tuple(names), **given))
