"""The manifest of a model file: JSON that says everything about a model except its numbers.

    {"name": "delivery-risk", "version": "1.0.0", "created": "2026-11-20T00:00:00Z", "description": "…",
     "features": [{"name": "backlog", "unit": "orders", "description": "…", "minimum": 0, "maximum": 10}, …],
     "activations": ["relu", "linear"], "head": "sigmoid", "threshold": 0.6,
     "self_test": {"orders": [[2, 3, 1], …], "scores": [[0.425557483188341], …]},
     "provenance": {"source": "…"}, "reference": {…}, "format": 1}

Units, descriptions, minimum, maximum, provenance and reference (see reference.py) may be left out, and the last layer's
activation (linear) too.
Anything else that is missing, unknown, given twice or of another type is refused by its path.
"""

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from model.artifact import baseline, checks
from model.core.activations import ACTIVATIONS, HEADS
from model.core.manifest import Feature, Manifest, SelfTest
from model.errors import BadManifest

FORMAT = 1
LIMIT = 2 * 2**20
VERSION = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
A_VERSION = "a version of letters, digits, '.', '_', '+', '-', at most 64"


_line = checks.text(r"[^\x00-\x1f\x7f]{0,500}", "a line of at most 500 characters")
_prose = checks.text(r".{0,4000}", "a text of at most 4,000 characters")
_rows = checks.list_of(checks.list_of(checks.number()))


def _names(value: Any, place: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadManifest(place, "expected an object")
    return {name: _prose(entry, f"{place}.{_line(name, place)}") for name, entry in value.items()}


_A_FEATURE_NAME = "a feature name ([A-Za-z_][A-Za-z0-9_]{0,63}, not order_id)"
_feature = checks.object_of(
    {"name": checks.text(r"(?!order_id$)[A-Za-z_][A-Za-z0-9_]{0,63}", _A_FEATURE_NAME)},
    {"unit": _line, "description": _prose, "minimum": checks.number(), "maximum": checks.number()},
)


def feature(document: Any, place: str) -> Feature:
    """Check one feature's entry. Raises BadManifest with the path of what is wrong in it."""
    checked = Feature(**_feature(document, place))
    if checked.minimum is not None and checked.maximum is not None and checked.minimum > checked.maximum:
        raise BadManifest(place, f"the minimum of feature {checked.name} is over its maximum")
    return checked


_manifest = checks.object_of(
    {
        "format": checks.number(FORMAT, FORMAT),
        "name": checks.text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of letters, digits, '.', '_', '-', at most 64"),
        "version": checks.text(VERSION, A_VERSION),
        "created": checks.time,
        "description": _prose,
        "features": checks.list_of(feature),
        "activations": checks.list_of(checks.text("|".join(ACTIVATIONS), f"one of {', '.join(ACTIVATIONS)}")),
        "head": checks.text("|".join(HEADS), f"one of {', '.join(HEADS)}"),
        "threshold": checks.number(0, 1),
        "self_test": checks.object_of({"orders": _rows, "scores": _rows}),
    },
    {"provenance": _names, "reference": lambda value, place: value},
)


def read(data: bytes) -> Manifest:
    """Decode and check UTF-8 JSON of at most LIMIT bytes. Raises BadManifest; names given twice and NaN are refused."""
    if len(data) > LIMIT:
        raise BadManifest("manifest", f"over {LIMIT} bytes")
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadManifest("manifest", "not strict UTF-8 JSON") from error
    return _build(document)


def checked(manifest: Manifest) -> Manifest:
    """The same manifest, each entry checked as if it had been read. Raises BadManifest."""
    return _build(_document(manifest))


def write(manifest: Manifest) -> bytes:
    """The manifest as JSON: the same manifest gives the same bytes. Raises BadManifest."""
    return json.dumps(_document(checked(manifest)), ensure_ascii=False, allow_nan=False, indent=1).encode("utf-8")


def _document(manifest: Manifest) -> dict[str, Any]:
    document = {"format": FORMAT, **asdict(manifest), "provenance": dict(sorted(manifest.provenance.items()))}
    reference = document.pop("baseline")
    for feature in document["features"]:
        for bound in ("minimum", "maximum"):
            if feature[bound] is None:
                del feature[bound]
    if reference is None:
        return document
    if not reference["calibration"]:
        del reference["calibration"]
    return document | {"reference": reference}


def _build(document: Any) -> Manifest:
    entries = _manifest(document, "manifest")
    del entries["format"]
    counts = Counter(feature.name for feature in entries["features"])
    for name, count in counts.items():
        if count > 1:
            raise BadManifest("manifest.features", f"feature {name} is given twice")
    if "reference" in entries:
        entries["baseline"] = baseline.checked(entries.pop("reference"), "manifest.reference", list(counts))
    return Manifest(self_test=SelfTest(**entries.pop("self_test")), **entries)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for a JSON reader. Raises ValueError where a name is given twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _no_constant(_: str) -> None:
    raise ValueError
