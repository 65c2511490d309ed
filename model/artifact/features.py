"""The entry `features` of a manifest of format 2: what the network takes, made of the inputs of an order, see inputs.py.

    "features": [{"name": "backlog", "of": "backlog"}, {"name": "backlog_missing", "of": "backlog", "is": null},
                 {"name": "carrier_AA", "of": "carrier", "is": "AA"}, {"name": "weekend", "of": "weekday", "is": [5, 6]},
                 {"name": "month_sin", "of": "month", "function": "sin", "period": 12}, …]

A feature may have either `is`, or a function and, for sin and cos, its period. Each input has a feature. Features of an
actionable input have no function, because changes.py finds crossings only where the logit is piecewise linear.
"""

from collections.abc import Sequence
from typing import Any

from model.artifact import checks
from model.artifact.inputs import name, require_unique, value, value_or_null
from model.core.manifest import CATEGORY, NUMBER, Feature, Input
from model.errors import BadManifest

_NORMAL = 2.0**-1022
_FUNCTIONS, _PERIODIC = ("log1p", "sin", "cos"), ("sin", "cos")
_features = checks.list_of(
    checks.object_of(
        dict,
        {"name": name, "of": name},
        {
            "is": checks.any_of("a number, a text, a list of them or null", value_or_null, checks.list_of(value)),
            "function": checks.text("|".join(_FUNCTIONS), f"one of {', '.join(_FUNCTIONS)}"),
            "period": checks.number(_NORMAL),
        },
    )
)


def features(entries: Any, location: str, of: Sequence[Input]) -> tuple[Feature, ...]:
    """The features in this entry, which are made of these inputs. Raises BadManifest."""
    by_name = {each.name: each for each in of}
    found = []
    for at, entry in enumerate(_features(entries, location)):
        here = f"{location}[{at}]"
        if entry["of"] not in by_name:
            raise BadManifest(f"{here}.of", f"feature {entry['name']} is made of an input that is not in `inputs`")
        if "is" in entry and "function" in entry:
            raise BadManifest(here, f"feature {entry['name']} has both `is` and `function`")
        found.append(_feature(**entry))
        _require_feature(found[-1], by_name[entry["of"]], here)
    require_unique((each.name for each in found), location, "feature")
    if unused := [each.name for each in of if all(made.of != each.name for made in found)]:
        raise BadManifest(location, f"none is made of input {unused[0]}")
    return tuple(found)


def to_json(each: Feature) -> dict[str, Any]:
    """The entry of a feature."""
    entry: dict[str, Any] = {"name": each.name, "of": each.of}
    if each.function == "missing":
        entry["is"] = None
    elif each.function == "is":
        entry["is"] = each.values[0] if len(each.values) == 1 else each.values
    elif each.function != "number":
        entry["function"] = each.function
    return entry if each.period is None else entry | {"period": each.period}


def _feature(**entries: Any) -> Feature:
    if "is" not in entries:
        return Feature(**entries)
    found = entries.pop("is")
    if found is None:
        return Feature(**entries, function="missing")
    return Feature(**entries, function="is", values=found if isinstance(found, tuple) else (found,))


def _require_feature(each: Feature, of: Input, location: str) -> None:
    if (each.period is None) == (each.function in _PERIODIC):
        raise BadManifest(f"{location}.period", f"expected a positive normal number with {' and '.join(_PERIODIC)} alone")
    if each.function == "missing" and not of.optional:
        raise BadManifest(f"{location}.is", f"input {of.name} is never missing: it has no `missing`")
    if of.kind == CATEGORY and (each.function not in ("is", "missing") or not set(each.values).issubset(of.values)):
        raise BadManifest(f"{location}.is", f"expected null or values of input {of.name}")
    if of.kind == NUMBER and any(isinstance(one, str) for one in each.values):
        raise BadManifest(f"{location}.is", f"expected null or numbers, as input {of.name} is one")
    if len(set(each.values)) < len(each.values):
        raise BadManifest(f"{location}.is", f"feature {each.name} has a value twice")
    if each.function == "log1p" and isinstance(of.missing, float) and of.missing <= -1.0:
        raise BadManifest(location, f"the `missing` of input {of.name} has no logarithm of 1 + it")
    if of.actionable and each.function in _FUNCTIONS:
        raise BadManifest(f"{location}.function", f"input {of.name} is `actionable`, so no function may be made of it")
