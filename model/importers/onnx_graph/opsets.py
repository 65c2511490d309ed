"""The versions of ONNX's operators in a file. A node has the inputs and attributes that its operator has in that version."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from model.errors import BadGraph

OWN, ML = "", "ai.onnx.ml"
DOMAINS = {OWN: OWN, "ai.onnx": OWN, ML: ML}
_OLDEST = {OWN: 7, ML: 1}  # from opset 7 on, numbers are broadcast as NumPy does


def versions(given: Sequence[tuple[str, int]], defs: Any) -> dict[str, int]:
    """The version of ONNX's own domain and of others of these domains and versions. `defs` is onnx.defs. Raises BadGraph."""
    found: dict[str, set[int]] = defaultdict(set)
    for domain, version in given:
        found[DOMAINS.get(domain, domain)].add(version)
    known = {OWN: defs.onnx_opset_version(), ML: defs.onnx_ml_opset_version()}
    for domain in _OLDEST.keys() & {OWN, *found}:
        oldest, newest = _OLDEST[domain], known[domain]
        if len(found[domain]) != 1 or not oldest <= min(found[domain]) <= newest:
            expected = f"expected one from {oldest} to {newest}; export again, or upgrade onnx for a later one"
            raise BadGraph(f"opset {domain}".rstrip(), expected)
    return {domain: min(each) for domain, each in found.items()}


class _Schema(NamedTuple):
    """How many inputs an operator has, and the names of its attributes."""

    fewest: int
    most: int
    attributes: frozenset[str]


@lru_cache(maxsize=256)
def _schema(defs: Any, domain: str, operator: str, version: int) -> _Schema | None:
    """What onnx.defs says of an operator; None if there is none."""
    if not defs.has(operator, version, domain):
        return None
    found = defs.get_schema(operator, version, domain)
    return _Schema(found.min_input, found.max_input, frozenset(found.attributes))


def differs(domain: str, operator: str, inputs: int, names: Sequence[str], version: int | None, defs: Any) -> str:
    """How a node with so many inputs and attributes of these names differs from its operator in a version; "" if it does not.

    An operator of another domain differs in nothing.
    """
    if domain not in _OLDEST:
        return ""
    if version is None:
        return f"the file has no opset of {domain}"
    if (known := _schema(defs, domain, operator, version)) is None:
        return f"no operator of opset {version}"
    if not known.fewest <= inputs <= known.most or not known.attributes.issuperset(names):
        return f"has other inputs or attributes than in opset {version}"
    return ""
