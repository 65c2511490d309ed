"""The panels of the dashboard, and the data that Prometheus has for them, queried as Grafana does."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.monitoring import CHAMPION, Monitoring, Series
from tests.facts import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
# $__rate_interval is at least four scrapes in Grafana, and a scrape is a second here. $namespace has the value for all.
VARIABLES = {"$__rate_interval": "10s", "$version": CHAMPION, "$namespace": ".*"}
OUTSIDE = {"namespace": "", "pod": ""}
"""Labels that series do not have outside Kubernetes. Grafana shows nothing for them."""


@dataclass(frozen=True)
class Panel:
    """A panel that shows data."""

    title: str
    kind: str
    targets: list[dict[str, Any]]
    model: dict[str, Any] = field(repr=False)

    @property
    def defaults(self) -> dict[str, Any]:
        """The options of its fields."""
        return self.model["fieldConfig"]["defaults"]

    @property
    def unit(self) -> str:
        return self.defaults.get("unit", "none")


def dashboard() -> dict[str, Any]:
    return json.loads((GRAFANA / "dashboards" / "delivery-risk.json").read_text())


def panels() -> list[Panel]:
    """The panels of the dashboard, without rows."""
    models = [model for model in dashboard()["panels"] if model["type"] != "row"]
    return [Panel(model["title"], model["type"], model["targets"], model) for model in models]


def filled(text: str) -> str:
    """A text of the dashboard with its variables replaced."""
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return text


def series(target: dict[str, Any], monitoring: Monitoring, start: float, end: float) -> Series:
    """The series of a target over a time, or at its end for an instant query, each with its `values`."""
    if target["instant"]:
        return [{**one, "values": [one["value"]]} for one in monitoring.query(filled(target["expr"]), end)]
    return monitoring.curve(filled(target["expr"]), start, end)


def legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    """The name of a series in Grafana. Raises KeyError for a label that the series does not have."""
    return " ".join(re.sub(r"\{\{(\w+)\}\}", lambda found: (OUTSIDE | labels)[found[1]], target["legendFormat"]).split())
