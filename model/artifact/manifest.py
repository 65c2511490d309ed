"""The manifest of a model file: JSON with everything about a model except its numbers.

    {"name": "delivery-risk", "version": "1.0.0", "created": "2026-11-20T00:00:00Z", "description": "…",
     "features": [{"name": "backlog", "unit": "orders", "description": "…", "minimum": 0, "maximum": 10}, …],
     "activations": ["relu", "linear"], "head": "sigmoid", "threshold": 0.6,
     "self_test": {"orders": [[2, 3, 1], …], "scores": [[0.425557483188341], …]},
     "provenance": {"source": "…"}, "reference": {…}, "format": 1}

Optional: the units, descriptions, minima and maxima of features, provenance, reference (the baseline, see baseline.py), and
the activation of the last layer, which is linear.

In format 1 the features are the order's own numbers. Format 2 has the entry `inputs` too, see inputs.py and features.py, and
its self-test has a value for each input: a number, a text or null. A manifest is written in format 1 if that can hold it.
"""

import json
from dataclasses import asdict
from typing import Any

from model.artifact import baseline, checks, features, inputs
from model.core.activations import ACTIVATION, ACTIVATION_NAMES, HEADS
from model.core.manifest import Manifest, SelfTest, as_they_are
from model.errors import BadManifest

LIMIT = 2 * 2**20
VERSION = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"

version = checks.text(VERSION, "a version of letters, digits, '.', '_', '+', '-', at most 64")
_format = checks.any_of(
    "1 or 2; a later format needs a later version of the service", checks.number(1, 1, int), checks.number(2, 2, int)
)
_numbers = checks.list_of(checks.list_of(inputs.number))
_values = checks.list_of(checks.list_of(inputs.value_or_null))


def _provenance(value: Any, location: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadManifest(location, "expected an object")
    return {name: inputs.prose(entry, f"{location}.{inputs.line(name, location)}") for name, entry in value.items()}


def _entries(orders: checks.Check, further: checks.Fields, optional: checks.Fields) -> checks.Check:
    return checks.object_of(
        dict,
        {
            "format": _format,
            "name": checks.text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of letters, digits, '.', '_', '-', at most 64"),
            "version": version,
            "created": checks.time(),
            "description": inputs.prose,
            **further,
            "activations": checks.list_of(checks.text(ACTIVATION, f"one of {ACTIVATION_NAMES}")),
            "head": checks.text("|".join(HEADS), f"one of {', '.join(HEADS)}"),
            "threshold": checks.number(0, 1),
            "self_test": checks.object_of(SelfTest, {"orders": orders, "scores": _numbers}),
        },
        {**optional, "provenance": _provenance, "reference": checks.anything},
    )


_FORMATS = {
    1: _entries(_numbers, {"features": inputs.of_format_1}, {}),
    2: _entries(
        _values,
        {"inputs": inputs.inputs, "features": checks.anything},
        {"context": inputs.context, "also_accepts": inputs.also_accepts},
    ),
}


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
    described = _described(manifest)
    before = {name: entries.pop(name) for name in ("name", "version", "created", "description")}
    for name in ("inputs", "features", "context", "also_accepts"):
        entries.pop(name, None)
    format_ = 2 if "inputs" in described else 1
    return {"format": format_, **before, **described, **entries, "provenance": dict(sorted(manifest.provenance.items()))}


def _described(manifest: Manifest) -> dict[str, Any]:
    """What an order holds and the features; the features alone where format 1 can hold both."""
    further = {"context": [asdict(each) for each in manifest.context], "also_accepts": list(manifest.also_accepts)}
    plain = inputs.in_format_1(manifest.inputs) if manifest.features == as_they_are(manifest.inputs) else None
    if plain is not None and not any(further.values()):
        return {"features": plain}
    made = {"inputs": list(map(inputs.to_json, manifest.inputs)), "features": list(map(features.to_json, manifest.features))}
    return made | {name: entry for name, entry in further.items() if entry}


def _present(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    """The entries that are neither None nor empty, the baseline under its name in the file. Provenance keeps its place."""
    present = [(name, entry) for name, entry in entries if name == "provenance" or entry not in (None, (), {})]
    return {"reference" if name == "baseline" else name: entry for name, entry in present}


def _from_json(value: Any) -> Manifest:
    given = value.get("format", 1) if isinstance(value, dict) else 1
    entries = _FORMATS[_format(given, "manifest.format")](value, "manifest")
    if entries.pop("format") == 1:
        entries["inputs"] = entries.pop("features")
    else:
        entries["features"] = features.features(entries["features"], "manifest.features", entries["inputs"])
    names = [each.name for each in entries.get("features", entries["inputs"])]
    if "reference" in entries:
        entries["baseline"] = baseline.checked(entries.pop("reference"), "manifest.reference", names, entries["inputs"])
    manifest = Manifest(**entries)
    inputs.require_different(manifest, "manifest")
    return manifest
