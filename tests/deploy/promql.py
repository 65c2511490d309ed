"""The expressions of the rules and of the runbook, checked against the metrics that exist and the series that rules record."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import yaml

from service.metrics.definitions import METRICS
from service.metrics.gauges import GAUGES
from tests.facts import ROOT

RULES = ROOT / "deploy" / "prometheus" / "rules"
RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text()
TARGET = {"job", "instance", "namespace", "pod"}
"""The labels that Prometheus adds to every scraped series; the last two in Kubernetes only."""

FOREIGN = {
    "up": TARGET,
    "ALERTS": {"alertname", "alertstate", "severity", "namespace"},
    "prometheus_rule_evaluation_failures_total": TARGET | {"rule_group"},
    "alertmanager_notifications_failed_total": TARGET | {"integration"},
}
"""The labels of series that other programs export, by name."""


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """The committed rules of a kind, `alert` or `record`, by name."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule[kind]: rule for group in groups for rule in group["rules"] if kind in rule}


ALERTS, RECORDS = rules("alert"), rules("record")
EXPRESSIONS: dict[str, str] = {name: rule["expr"] for name, rule in (ALERTS | RECORDS).items()}
CONSTANT = {"DeliveryRiskWatchdog"}
"""The alert that always fires, so no case of it is silent."""


def exported() -> dict[str, set[str]]:
    """The labels of every scraped series, by name."""
    known = FOREIGN | {name: TARGET.union(metric.labels) for name, metric in [*METRICS.items(), *GAUGES.items()]}
    for name, metric in METRICS.items():
        if metric.buckets:
            labels = known.pop(name)
            known[f"{name}_bucket"] = labels | {"le"}
            if metric.buckets[0] >= 0:  # otherwise prometheus-client exports neither
                known |= {f"{name}_count": labels, f"{name}_sum": labels}
    return known


def _labels(node: Any, known: dict[str, set[str]]) -> set[str]:
    if isinstance(node, promql_parser.VectorSelector):
        return known.get(node.name or "", set())
    if isinstance(node, promql_parser.AggregateExpr):
        return set(node.modifier.labels) if node.modifier else set()
    parts = [getattr(node, name) for name in ("lhs", "rhs", "expr", "vector_selector") if hasattr(node, name)]
    return set().union(*(_labels(part, known) for part in [*parts, *getattr(node, "args", ())]))


KNOWN = exported()
"""The labels of every series by name: those of a recorded one are what it sums by, or those of what it is made of."""
for _name, _rule in RECORDS.items():
    KNOWN[_name] = _labels(promql_parser.parse(_rule["expr"]), KNOWN)


def _selectors(expression: str) -> list[Any]:
    found: list[Any] = []

    def keep(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), keep)
    return found


def faults(expression: str) -> list[str]:
    """Parse errors, and metrics or labels that nothing exports or records."""
    try:
        selectors = _selectors(expression)
    except ValueError as error:
        return [f"{expression}: {error}"]
    found = []
    for selector in selectors:
        if selector.name is not None:
            labels = {matcher.name for matcher in selector.matchers.matchers} - KNOWN.get(selector.name, set())
            found += [f"{selector.name}: no label {label}" for label in sorted(labels)]
            found += [f"{selector.name}: unknown"] * (selector.name not in KNOWN)
    return found


def renamed(expression: str) -> Iterator[str]:
    """The expression with one of its metrics under another name, for each of them."""
    for name in KNOWN:
        pattern = rf"(?<![\w:]){name}(?![\w:])"
        if re.search(pattern, expression):
            yield re.sub(pattern, f"{name}s", expression)


def matched(expression: str, label: str) -> set[str]:
    """The values that the selectors of the expression require of a label, alternatives separately."""
    matchers = [matcher for selector in _selectors(expression) for matcher in selector.matchers.matchers]
    return {value for matcher in matchers if matcher.name == label for value in matcher.value.split("|")}


def sections(text: str = RUNBOOK) -> dict[str, str]:
    """The text of each section of the runbook by its title, including those that are not about alerts."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def queries(text: str = RUNBOOK) -> dict[str, str]:
    """The first query of each complete section, by its title: complete with a meaning, a query and what to do."""
    pattern = r"\n\n\*\*Means\.\*\* .{40}.*?\n\n\*\*Look first\.\*\*\n\n```promql\n(.+?)\n```\n\n\*\*Do\.\*\* .{40}"
    found = {title: re.match(pattern, body, re.DOTALL) for title, body in sections(text).items()}
    return {title: match[1] for title, match in found.items() if match}
