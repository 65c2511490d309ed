"""What PromQL asks for, held against what the service exports and the rules record."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import yaml

from service.metrics.collector import GAUGES
from service.metrics.recorder import METRICS
from tests.facts import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules"
TARGET = {"job", "instance", "namespace", "pod"}
"""What Prometheus says of whom it has a series from; the last two in Kubernetes only."""

FOREIGN = {
    "up": TARGET,
    "ALERTS": {"alertname", "alertstate", "severity", "namespace"},
    "prometheus_rule_evaluation_failures_total": TARGET | {"rule_group"},
    "alertmanager_notifications_failed_total": TARGET | {"integration"},
}
"""What others export: labels by name."""


def rules(kind: str) -> list[dict[str, Any]]:
    """The committed rules of a kind, `alert` or `record`."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"] if kind in rule]


def exported() -> dict[str, set[str]]:
    """The labels of every series that a Prometheus of this service may hold, by name."""
    known = dict(FOREIGN)
    for name, metric in METRICS.items():
        labels = TARGET.union(metric.labels)
        if not metric.buckets:
            known[name] = labels
            continue
        known[f"{name}_bucket"] = labels | {"le"}
        if metric.buckets[0] >= 0:  # else prometheus-client leaves both out
            known |= {f"{name}_count": labels, f"{name}_sum": labels}
    return known | {name: TARGET.union(gauge.labels) for name, gauge in GAUGES.items()}


def recorded() -> dict[str, set[str]]:
    """The labels of every recorded series, by name: those that its sums are by, or that what it is made of has."""
    known: dict[str, set[str]] = {}
    for rule in rules("record"):
        known[rule["record"]] = _labels(promql_parser.parse(rule["expr"]), exported() | known)
    return known


def _labels(node: Any, known: dict[str, set[str]]) -> set[str]:
    match node:
        case promql_parser.VectorSelector():
            return known.get(node.name or "", set())
        case promql_parser.AggregateExpr():
            return set(node.modifier.labels) if node.modifier else set()
        case promql_parser.BinaryExpr():
            return _labels(node.lhs, known) | _labels(node.rhs, known)
        case promql_parser.Call():
            return set().union(*(_labels(argument, known) for argument in node.args))
        case promql_parser.MatrixSelector():
            return _labels(node.vector_selector, known)
        case promql_parser.ParenExpr():
            return _labels(node.expr, known)
    return set()


def _selectors(node: Any) -> Iterator[Any]:
    match node:
        case promql_parser.VectorSelector():
            yield node
        case promql_parser.MatrixSelector():
            yield node.vector_selector
        case promql_parser.BinaryExpr():
            yield from _selectors(node.lhs)
            yield from _selectors(node.rhs)
        case promql_parser.Call():
            for argument in node.args:
                yield from _selectors(argument)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            yield from _selectors(node.expr)


def faults(expression: str) -> list[str]:
    """What of the expression cannot be parsed, or asks for a metric or a label of one that nobody exports or records."""
    try:
        parsed = promql_parser.parse(expression)
    except ValueError as error:
        return [f"{expression}: {error}"]
    known = exported() | recorded()
    return [fault for selector in _selectors(parsed) if selector.name is not None for fault in _unknown(selector, known)]


def renamed(expression: str) -> Iterator[str]:
    """The expression with one metric by another name, for each that it asks for."""
    for name in exported() | recorded():
        whole = rf"(?<![\w:]){name}(?![\w:])"
        if re.search(whole, expression):
            yield re.sub(whole, f"{name}s", expression)


def _unknown(selector: Any, known: dict[str, set[str]]) -> list[str]:
    if selector.name not in known:
        return [f"{selector.name}: nobody exports or records it"]
    wanted = {matcher.name for matcher in selector.matchers.matchers}
    return [f"{selector.name}: has no label {label}" for label in sorted(wanted - known[selector.name])]


def matched(expression: str, label: str) -> Iterator[str]:
    """What the expression's selectors want of a label."""
    for selector in _selectors(promql_parser.parse(expression)):
        for matcher in selector.matchers.matchers:
            if matcher.name == label:
                yield matcher.value
