"""The panels of the dashboard, and the data that a Prometheus has for them, asked as Grafana asks."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.monitoring import CHAMPION, Series, Watched
from tests.facts import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD = GRAFANA / "dashboards" / "delivery-risk.json"
# In Grafana at least four scrapes; a scrape is a second here. All namespaces, as a variable has it that is not chosen.
VARIABLES = {"$__rate_interval": "10s", "$version": CHAMPION, "$namespace": ".*"}
OUTSIDE = {"namespace": "", "pod": ""}
"""What series have no labels of, where there is no Kubernetes: Grafana shows nothing for them."""


@dataclass(frozen=True)
class Panel:
    """A panel that shows data."""

    title: str
    kind: str
    targets: list[dict[str, Any]]
    model: dict[str, Any] = field(repr=False)

    @property
    def unit(self) -> str:
        """The unit of its values."""
        return self.model["fieldConfig"]["defaults"].get("unit", "none")


def dashboard() -> dict[str, Any]:
    """The committed dashboard."""
    return json.loads(DASHBOARD.read_text())


def panels(of: dict[str, Any]) -> Iterator[Panel]:
    """The panels of a dashboard but its rows."""
    for model in of["panels"]:
        if model["type"] != "row":
            yield Panel(model["title"], model["type"], model["targets"], model)


def expression(target: dict[str, Any]) -> str:
    """The target's PromQL with the variables filled in."""
    return filled(target["expr"])


def filled(text: str) -> str:
    """A text of the dashboard with the variables filled in."""
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return text


def series(target: dict[str, Any], watched: Watched, start: float, end: float, step: float = 1.0) -> Series:
    """What Prometheus has for a target over a time, or for an instant one at its end: each series with its `values`."""
    if target["instant"]:
        return [{**one, "values": [one["value"]]} for one in watched.query(expression(target), end)]
    return watched.curve(expression(target), start, end, step)


def legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    """What Grafana calls a series. Raises KeyError for a label that the series has not."""
    return " ".join(re.sub(r"\{\{(\w+)\}\}", lambda found: (OUTSIDE | labels)[found[1]], target["legendFormat"]).split())
