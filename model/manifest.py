"""The manifest of a model file: JSON that says everything about a model except its numbers.

    {"name": "delivery-risk", "version": "1.0.0", "created": "2026-11-20T00:00:00Z", "description": "…",
     "features": [{"name": "backlog", "unit": "orders", "description": "…", "minimum": 0, "maximum": 10}, …],
     "activations": ["relu", "linear"], "head": "sigmoid", "threshold": 0.6,
     "self_test": {"orders": [[2, 3, 1], …], "scores": [[0.425557483188341], …]},
     "provenance": {"source": "…"}, "format": 1}

Units, descriptions, minimum, maximum and provenance may be left out, and the last layer's activation (linear) too.
Anything else that is missing, unknown, given twice or of another type is refused by its path.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from model.activations import ACTIVATIONS
from model.errors import BadManifest
from model.heads import HEADS

FORMAT = 1
LIMIT = 2 * 2**20
TIME = "%Y-%m-%dT%H:%M:%SZ"
VERSION = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
A_VERSION = "a version of letters, digits, '.', '_', '+', '-', at most 64"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input. `minimum` and `maximum` bound what training saw, in the feature's own unit; None is unbounded."""

    name: str
    unit: str = ""
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class SelfTest:
    """`orders`, F numbers each, and the `scores` that the network must give them, one number per output."""

    orders: tuple[tuple[float, ...], ...]
    scores: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the file says of its model. `threshold` is the score from which an order goes to review."""

    name: str
    version: str
    created: str
    description: str
    features: tuple[Feature, ...]
    activations: tuple[str, ...]
    head: str
    threshold: float
    self_test: SelfTest
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)


Check: TypeAlias = Callable[[Any, str], Any]


def _text(pattern: str, expected: str) -> Check:
    def check(value: Any, place: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.DOTALL) or re.search("[\ud800-\udfff]", value):
            raise BadManifest(place, f"expected {expected}")
        return value

    return check


def _time(value: Any, place: str) -> str:
    try:
        if isinstance(value, str) and datetime.strptime(value, TIME).replace(tzinfo=UTC).strftime(TIME) == value:
            return value
    except ValueError:
        pass
    raise BadManifest(place, "expected a UTC time like 2026-11-20T00:00:00Z")


def _number(low: float = -math.inf, high: float = math.inf) -> Check:
    expected = "a finite number" if math.isinf(high) else f"a number from {low:g} to {high:g}"

    def check(value: Any, place: str) -> float:
        try:
            if type(value) in (int, float) and math.isfinite(value) and low <= value <= high:
                return float(value)
        except OverflowError:
            pass
        raise BadManifest(place, f"expected {expected}")

    return check


def _list(item: Check) -> Check:
    def check(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise BadManifest(place, "expected a list that is not empty")
        return tuple(item(entry, f"{place}[{index}]") for index, entry in enumerate(value))

    return check


def _object(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    fields = required | (optional or {})

    def check(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BadManifest(place, "expected an object")
        for name in required:
            if name not in value:
                raise BadManifest(f"{place}.{name}", "missing")
        if value.keys() - fields.keys():
            raise BadManifest(place, f"holds a name that is none of {', '.join(fields)}")
        return {name: fields[name](entry, f"{place}.{name}") for name, entry in value.items()}

    return check


_line = _text(r"[^\x00-\x1f\x7f]{0,500}", "a line of at most 500 characters")
_prose = _text(r".{0,4000}", "a text of at most 4,000 characters")
_rows = _list(_list(_number()))


def _names(value: Any, place: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadManifest(place, "expected an object")
    return {name: _prose(entry, f"{place}.{_line(name, place)}") for name, entry in value.items()}


_feature = _object(
    {"name": _text(r"(?!order_id$)[A-Za-z_][A-Za-z0-9_]{0,63}", "a feature name ([A-Za-z_][A-Za-z0-9_]{0,63}, not order_id)")},
    {"unit": _line, "description": _prose, "minimum": _number(), "maximum": _number()},
)


def feature(document: Any, place: str) -> Feature:
    """Check one feature's entry. Raises BadManifest with the path of what is wrong in it."""
    checked = Feature(**_feature(document, place))
    if checked.minimum is not None and checked.maximum is not None and checked.minimum > checked.maximum:
        raise BadManifest(place, f"the minimum of feature {checked.name} is over its maximum")
    return checked


_manifest = _object(
    {
        "format": _number(FORMAT, FORMAT),
        "name": _text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of letters, digits, '.', '_', '-', at most 64"),
        "version": _text(VERSION, A_VERSION),
        "created": _time,
        "description": _prose,
        "features": _list(feature),
        "activations": _list(_text("|".join(ACTIVATIONS), f"one of {', '.join(ACTIVATIONS)}")),
        "head": _text("|".join(HEADS), f"one of {', '.join(HEADS)}"),
        "threshold": _number(0, 1),
        "self_test": _object({"orders": _rows, "scores": _rows}),
    },
    {"provenance": _names},
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
    for feature in document["features"]:
        for bound in ("minimum", "maximum"):
            if feature[bound] is None:
                del feature[bound]
    return document


def _build(document: Any) -> Manifest:
    entries = _manifest(document, "manifest")
    del entries["format"]
    counts = Counter(feature.name for feature in entries["features"])
    for name, count in counts.items():
        if count > 1:
            raise BadManifest("manifest.features", f"feature {name} is given twice")
    return Manifest(self_test=SelfTest(**entries.pop("self_test")), **entries)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for a JSON reader. Raises ValueError where a name is given twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _no_constant(_: str) -> None:
    raise ValueError
