"""The panels of the dashboard, and the data that Prometheus has for them, queried as Grafana does."""

import json
import re
from typing import Any

from tests.deploy.monitoring import CHAMPION, Monitoring, Series
from tests.facts import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
# $__rate_interval is at least four scrapes in Grafana, and a scrape is a second here. $namespace has the value for all.
VARIABLES = {"$__rate_interval": "10s", "$version": CHAMPION, "$namespace": ".*"}
OUTSIDE = {"namespace": "", "pod": ""}
"""Labels that series do not have outside Kubernetes. Grafana shows nothing for them."""


def dashboard() -> dict[str, Any]:
    return json.loads((GRAFANA / "dashboards" / "delivery-risk.json").read_text())


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard that show data."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def filled(text: str) -> str:
    """A text of the dashboard with its variables replaced."""
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return text


def series(target: dict[str, Any], run: Monitoring, seconds: float) -> Series:
    """The series of a target over the last seconds of a run, or at its end for an instant query, each with its `values`."""
    if target["instant"]:
        return [{**one, "values": [one["value"]]} for one in run.query(filled(target["expr"]))]
    return run.curve(filled(target["expr"]), seconds)


def legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    """The name of a series in Grafana. Raises KeyError for a label that the series does not have."""
    return " ".join(re.sub(r"\{\{(\w+)\}\}", lambda found: (OUTSIDE | labels)[found[1]], target["legendFormat"]).split())
