"""The entries of a manifest of format 2 on what an order holds, and on the features that are made of it.

    "inputs":   [{"name": "backlog", "kind": "number", "unit": "orders", "minimum": 0, "maximum": 60, "missing": 4.2},
                 {"name": "carrier", "kind": "category", "values": ["AA", "UA"], "unknown": "refuse"}, …],
    "features": [{"name": "backlog", "of": "backlog"}, {"name": "backlog_missing", "of": "backlog", "is": null},
                 {"name": "carrier_AA", "of": "carrier", "is": "AA"}, {"name": "weekend", "of": "weekday", "is": [5, 6]},
                 {"name": "month_sin", "of": "month", "function": "sin", "period": 12}, …],
    "context":  [{"name": "depot", "values": ["EWR", "JFK"]}], "also_accepts": ["promised_at"]

Optional: context and also_accepts; of an input its unit, description, minimum, maximum, missing, unknown (refuse) and
actionable (false); of a feature either `is`, or a function and, for sin and cos, its period. Each input has a feature.

In format 1 there are `features` alone, each with a name and, optional, unit, description, minimum and maximum.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from model.artifact import checks
from model.core.manifest import (
    CATEGORY,
    CATEGORY_LENGTH,
    CONTEXT_LENGTH,
    NONE,
    NUMBER,
    REFUSE,
    Context,
    Feature,
    Input,
    Manifest,
    as_they_are,
)
from model.errors import BadManifest

MOST_VALUES = 1000
_NORMAL = 2.0**-1022
_FUNCTIONS, _PERIODIC = ("log1p", "sin", "cos"), ("sin", "cos")
MOST_CONTEXTS, MOST_COUNTED, MOST_ALSO_ACCEPTED = 3, 40, 100
_IN_FORMAT_1 = ("name", "unit", "description", "minimum", "maximum")

line = checks.text(r"[^\x00-\x1f\x7f]{0,500}", "a line of at most 500 characters")
prose = checks.text(r".{0,4000}", "a text of at most 4,000 characters")
number = checks.number()
_name = checks.text(r"(?!order_id$)[A-Za-z_][A-Za-z0-9_]{0,63}", "a name of letters, digits, '_', at most 64, not order_id")
_category = checks.text(
    rf"[^\x00-\x1f\x7f-\x9f]{{1,{CATEGORY_LENGTH}}}", f"a text of at most {CATEGORY_LENGTH} characters, no control characters"
)
_value = checks.any_of(f"a finite number or a text of at most {CATEGORY_LENGTH} characters", number, _category)
value_or_null = checks.any_of("a finite number, a text or null", _value, checks.null)
_context_text = checks.text(
    rf"[^\x00-\x1f\x7f-\x9f]{{1,{CONTEXT_LENGTH}}}", f"a text of at most {CONTEXT_LENGTH} characters, no control characters"
)
_contexts = checks.list_of(checks.object_of(Context, {"name": _name, "values": checks.list_of(_context_text)}))
_names = checks.list_of(_name)
_described = {"unit": line, "description": prose, "minimum": number, "maximum": number}
_of_format_1 = checks.object_of(Input, {"name": _name}, _described)
_inputs = checks.list_of(
    checks.object_of(
        Input,
        {"name": _name, "kind": checks.text(f"{NUMBER}|{CATEGORY}", f"{NUMBER} or {CATEGORY}")},
        {
            **_described,
            "missing": _value,
            "values": checks.list_of(_category),
            "unknown": checks.text(f"{REFUSE}|{NONE}", f"{REFUSE} or {NONE}"),
            "actionable": checks.boolean,
        },
    )
)
_features = checks.list_of(
    checks.object_of(
        dict,
        {"name": _name, "of": _name},
        {
            "is": checks.any_of("a number, a text, a list of them or null", value_or_null, checks.list_of(_value)),
            "function": checks.text("|".join(_FUNCTIONS), f"one of {', '.join(_FUNCTIONS)}"),
            "period": checks.number(_NORMAL),
        },
    )
)


def feature(entry: Any, location: str) -> Input:
    """The feature of format 1 in this entry, which is an input too. Raises BadManifest."""
    found: Input = _of_format_1(entry, location)
    _require_range(found, location)
    return found


def of_format_1(entries: Any, location: str) -> tuple[Input, ...]:
    """The features of format 1 in this entry. Raises BadManifest."""
    found: tuple[Input, ...] = checks.list_of(feature)(entries, location)
    _require_unique((each.name for each in found), location, "feature")
    return found


def inputs(entries: Any, location: str) -> tuple[Input, ...]:
    """The inputs in this entry. Raises BadManifest."""
    found: tuple[Input, ...] = _inputs(entries, location)
    for at, each in enumerate(found):
        (_require_number if each.kind == NUMBER else _require_category)(each, f"{location}[{at}]")
    _require_unique((each.name for each in found), location, "input")
    return found


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
    _require_unique((each.name for each in found), location, "feature")
    if unused := [name for name in by_name if all(each.of != name for each in found)]:
        raise BadManifest(location, f"none is made of input {unused[0]}")
    return tuple(found)


def context(entries: Any, location: str) -> tuple[Context, ...]:
    """The contexts in this entry. Raises BadManifest."""
    found: tuple[Context, ...] = _contexts(entries, location)
    if len(found) > MOST_CONTEXTS:
        raise BadManifest(location, f"expected at most {MOST_CONTEXTS}")
    for at, each in enumerate(found):
        if len(each.values) > MOST_COUNTED or len(set(each.values)) < len(each.values):
            raise BadManifest(f"{location}[{at}].values", f"expected at most {MOST_COUNTED} different texts")
    return found


def also_accepts(entries: Any, location: str) -> tuple[str, ...]:
    """The names in this entry. Raises BadManifest."""
    found: tuple[str, ...] = _names(entries, location)
    if len(found) > MOST_ALSO_ACCEPTED:
        raise BadManifest(location, f"expected at most {MOST_ALSO_ACCEPTED} names")
    return found


def require_different(manifest: Manifest, location: str) -> None:
    """Raise BadManifest if an order would have a name twice."""
    names = (*manifest.input_names, *manifest.context_names, *manifest.also_accepts)
    _require_unique(names, location, "the name of an input, of a context or in also_accepts,")


def to_json(manifest: Manifest) -> dict[str, Any]:
    """The entries; `features` alone where format 1 can hold the manifest. The same manifest gives the same entries."""
    given, made = manifest.inputs, manifest.features
    chosen = [_chosen(each) for each in given]
    further = {"context": [asdict(each) for each in manifest.context], "also_accepts": list(manifest.also_accepts)}
    plain = made == as_they_are(given) and all(entry.keys() <= set(_IN_FORMAT_1) for entry in chosen)
    if plain and not any(further.values()):
        named = [{name: getattr(each, name) for name in _IN_FORMAT_1} for each in given]
        return {"features": [{name: found for name, found in entry.items() if found is not None} for entry in named]}
    described = [{"name": each.name, "kind": each.kind} | entry for each, entry in zip(given, chosen, strict=True)]
    entries = {"inputs": described, "features": [_feature_entry(each) for each in made]}
    return entries | {name: entry for name, entry in further.items() if entry}


def _chosen(each: Input) -> dict[str, Any]:
    """The entries that are not as they are by default."""
    entries = {field.name: (getattr(each, field.name), field.default) for field in fields(Input)}
    return {name: found for name, (found, default) in entries.items() if found != default}


def _feature(name: str, of: str, function: str = "number", period: float | None = None, **is_: Any) -> Feature:
    if "is" not in is_:
        return Feature(name, of, function, period=period)
    found = is_["is"]
    values = found if isinstance(found, tuple) else (found,)
    return Feature(name, of, "missing", period=period) if found is None else Feature(name, of, "is", values, period)


def _feature_entry(each: Feature) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": each.name, "of": each.of}
    if each.function == "missing":
        entry["is"] = None
    elif each.function == "is":
        entry["is"] = each.values[0] if len(each.values) == 1 else each.values
    elif each.function != "number":
        entry["function"] = each.function
    return entry if each.period is None else entry | {"period": each.period}


def _require_unique(names: Iterable[Any], location: str, what: str) -> None:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise BadManifest(location, f"{what} {repeated[0]} is given twice")


def _require_range(each: Input, location: str) -> None:
    if each.minimum is not None and each.maximum is not None and each.minimum > each.maximum:
        raise BadManifest(location, f"the minimum of {each.name} is over its maximum")


def _require_number(each: Input, location: str) -> None:
    _require_range(each, location)
    if each.values or each.unknown != REFUSE:
        raise BadManifest(location, f"input {each.name} is a number and has no `values` and no `unknown`")
    if isinstance(each.missing, str):
        raise BadManifest(f"{location}.missing", "expected a finite number")


def _require_category(each: Input, location: str) -> None:
    if each.unit or each.minimum is not None or each.maximum is not None:
        raise BadManifest(location, f"input {each.name} is a category and has no unit, minimum and maximum")
    if not 1 <= len(each.values) <= MOST_VALUES or len(set(each.values)) < len(each.values):
        raise BadManifest(f"{location}.values", f"expected 1 to {MOST_VALUES} different texts")
    if each.missing is not None and each.missing not in each.values:
        raise BadManifest(f"{location}.missing", f"expected one of the values of input {each.name}")


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
