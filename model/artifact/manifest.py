"""The manifest of a model file: JSON with everything about a model except its numbers.

    {"name": "delivery-risk", "version": "1.0.0", "created": "2026-11-20T00:00:00Z", "description": "…",
     "features": [{"name": "backlog", "unit": "orders", "description": "…", "minimum": 0, "maximum": 10}, …],
     "activations": ["relu", "linear"], "head": "sigmoid", "threshold": 0.6,
     "self_test": {"orders": [[2, 3, 1], …], "scores": [[0.425557483188341], …]},
     "provenance": {"source": "…"}, "reference": {…}, "format": 1}

Optional: the units, descriptions, minima and maxima of features, provenance, reference (the baseline, see baseline.py), and
the activation of the last layer, which is linear.
"""

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from model.artifact import baseline, checks
from model.core.activations import ACTIVATION, ACTIVATION_NAMES, HEADS
from model.core.manifest import Feature, Manifest, SelfTest
from model.errors import BadManifest

FORMAT = 1
LIMIT = 2 * 2**20
VERSION = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"

version = checks.text(VERSION, "a version of letters, digits, '.', '_', '+', '-', at most 64")
_line = checks.text(r"[^\x00-\x1f\x7f]{0,500}", "a line of at most 500 characters")
_prose = checks.text(r".{0,4000}", "a text of at most 4,000 characters")
_number = checks.number()
_rows = checks.list_of(checks.list_of(_number))
_feature_name = checks.text(
    r"(?!order_id$)[A-Za-z_][A-Za-z0-9_]{0,63}", "a name of letters, digits, '_', at most 64, not order_id"
)
_feature = checks.object_of(
    Feature, {"name": _feature_name}, {"unit": _line, "description": _prose, "minimum": _number, "maximum": _number}
)


def feature(entry: Any, location: str) -> Feature:
    """The feature in this entry. Raises BadManifest."""
    found: Feature = _feature(entry, location)
    if found.minimum is not None and found.maximum is not None and found.minimum > found.maximum:
        raise BadManifest(location, f"the minimum of feature {found.name} is over its maximum")
    return found


def _provenance(value: Any, location: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadManifest(location, "expected an object")
    return {name: _prose(entry, f"{location}.{_line(name, location)}") for name, entry in value.items()}


_manifest = checks.object_of(
    dict,
    {
        "format": checks.number(FORMAT, FORMAT),
        "name": checks.text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of letters, digits, '.', '_', '-', at most 64"),
        "version": version,
        "created": checks.time(),
        "description": _prose,
        "features": checks.list_of(feature),
        "activations": checks.list_of(checks.text(ACTIVATION, f"one of {ACTIVATION_NAMES}")),
        "head": checks.text("|".join(HEADS), f"one of {', '.join(HEADS)}"),
        "threshold": checks.number(0, 1),
        "self_test": checks.object_of(SelfTest, {"orders": _rows, "scores": _rows}),
    },
    {"provenance": _provenance, "reference": lambda value, location: value},
)


def read(data: bytes) -> Manifest:
    """The manifest in these bytes of UTF-8 JSON. Raises BadManifest."""
    return _from_json(checks.read_json(data, "manifest"))


def checked(manifest: Manifest) -> Manifest:
    """The same manifest, checked as if it were read from a file. Raises BadManifest."""
    return _from_json(_to_json(manifest))


def write(manifest: Manifest) -> bytes:
    """The manifest as UTF-8 JSON. The same manifest gives the same bytes. Raises BadManifest."""
    return json.dumps(_to_json(checked(manifest)), ensure_ascii=False, allow_nan=False, indent=1).encode("utf-8")


def _to_json(manifest: Manifest) -> dict[str, Any]:
    entries = asdict(manifest, dict_factory=_present)
    return {"format": FORMAT, **entries, "provenance": dict(sorted(manifest.provenance.items()))}


def _present(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    """The entries that are neither None nor empty, the baseline under its name in the file."""
    return {"reference" if name == "baseline" else name: entry for name, entry in entries if entry not in (None, ())}


def _from_json(value: Any) -> Manifest:
    entries = _manifest(value, "manifest")
    del entries["format"]
    counts = Counter(feature.name for feature in entries["features"])
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise BadManifest("manifest.features", f"feature {repeated[0]} is given twice")
    if "reference" in entries:
        entries["baseline"] = baseline.checked(entries.pop("reference"), "manifest.reference", list(counts))
    return Manifest(**entries)
