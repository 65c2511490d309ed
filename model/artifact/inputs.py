"""The entries of a manifest on what an order holds: inputs, context, and names that are accepted too. See features.py.

    "inputs":   [{"name": "backlog", "kind": "number", "unit": "orders", "minimum": 0, "maximum": 60, "missing": 4.2},
                 {"name": "carrier", "kind": "category", "values": ["AA", "UA"], "unknown": "refuse"}, …],
    "context":  [{"name": "depot", "values": ["EWR", "JFK"]}], "also_accepts": ["promised_at"]

Optional: context and also_accepts; of an input its unit, description, minimum, maximum, missing, unknown (refuse) and
actionable (false).

In format 1 there are `features` alone, each with a name and, optional, unit, description, minimum and maximum.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
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
    Input,
    Manifest,
)
from model.errors import BadManifest

MOST_VALUES = 1000
MOST_CONTEXTS, MOST_COUNTED, MOST_ALSO_ACCEPTED = 3, 40, 100
_IN_FORMAT_1 = ("name", "unit", "description", "minimum", "maximum")

line = checks.text(r"[^\x00-\x1f\x7f]{0,500}", "a line of at most 500 characters")
prose = checks.text(r".{0,4000}", "a text of at most 4,000 characters")
number = checks.number()
name = checks.text(r"(?!order_id$)[A-Za-z_][A-Za-z0-9_]{0,63}", "a name of letters, digits, '_', at most 64, not order_id")
_category = checks.text(
    rf"[^\x00-\x1f\x7f-\x9f]{{1,{CATEGORY_LENGTH}}}", f"a text of at most {CATEGORY_LENGTH} characters, no control characters"
)
value = checks.any_of(f"a finite number or a text of at most {CATEGORY_LENGTH} characters", number, _category)
value_or_null = checks.any_of("a finite number, a text or null", value, checks.null)
_context_text = checks.text(
    rf"[^\x00-\x1f\x7f-\x9f]{{1,{CONTEXT_LENGTH}}}", f"a text of at most {CONTEXT_LENGTH} characters, no control characters"
)
_contexts = checks.list_of(checks.object_of(Context, {"name": name, "values": checks.list_of(_context_text)}))
_names = checks.list_of(name)
_described = {"unit": line, "description": prose, "minimum": number, "maximum": number}
_of_format_1 = checks.object_of(Input, {"name": name}, _described)
_inputs = checks.list_of(
    checks.object_of(
        Input,
        {"name": name, "kind": checks.text(f"{NUMBER}|{CATEGORY}", f"{NUMBER} or {CATEGORY}")},
        {
            **_described,
            "missing": value,
            "values": checks.list_of(_category),
            "unknown": checks.text(f"{REFUSE}|{NONE}", f"{REFUSE} or {NONE}"),
            "actionable": checks.boolean,
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
    require_unique((each.name for each in found), location, "feature")
    return found


def inputs(entries: Any, location: str) -> tuple[Input, ...]:
    """The inputs in this entry. Raises BadManifest."""
    found: tuple[Input, ...] = _inputs(entries, location)
    for at, each in enumerate(found):
        (_require_number if each.kind == NUMBER else _require_category)(each, f"{location}[{at}]")
    require_unique((each.name for each in found), location, "input")
    return found


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
    require_unique(names, location, "the name of an input, of a context or in also_accepts,")


def in_format_1(given: Sequence[Input]) -> list[dict[str, Any]] | None:
    """The features of format 1 that are these inputs; None if format 1 cannot hold them."""
    if not all(_chosen(each).keys() <= set(_IN_FORMAT_1) for each in given):
        return None
    named = [{name: getattr(each, name) for name in _IN_FORMAT_1} for each in given]
    return [{name: found for name, found in entry.items() if found is not None} for entry in named]


def to_json(each: Input) -> dict[str, Any]:
    """The entry of an input in format 2."""
    return {"name": each.name, "kind": each.kind} | _chosen(each)


def require_unique(names: Iterable[Any], location: str, what: str) -> None:
    """Raise BadManifest if a name is given twice."""
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise BadManifest(location, f"{what} {repeated[0]} is given twice")


def _chosen(each: Input) -> dict[str, Any]:
    """The entries that are not as they are by default."""
    entries = {field.name: (getattr(each, field.name), field.default) for field in fields(Input)}
    return {name: found for name, (found, default) in entries.items() if found != default}


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
