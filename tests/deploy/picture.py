"""Draw deploy/grafana/dashboard.png: `python -m tests.deploy.picture`, with the extra `plots` and after install.sh.

The service, Prometheus and Alertmanager run for two minutes, one with usual orders and one with shifted orders and troubled
callers. matplotlib, not Grafana, draws the panels: they show the data that Grafana would show, but look different.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tests.deploy.callers import SHIFTED, Callers
from tests.deploy.monitoring import Monitoring, Series, monitored
from tests.deploy.panels import GRAFANA, dashboard, legend, series

SECONDS = 120.0
COLUMN, LINE = 0.6, 0.3  # inches of a grid cell
COLOURS = {"red": "#f2495c", "orange": "#ff9830", "green": "#73bf69", "text": "#9fa7b3"}
STYLE = {"axes.titlesize": 7, "font.size": 6, "lines.linewidth": 1, "legend.fontsize": 5, "legend.frameon": False}

Panel = dict[str, Any]


def formatted(defaults: dict[str, Any], value: float, _: int | None = None) -> str:
    """A value in the unit of its panel."""
    unit = defaults.get("unit")
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and value < 1:
        return f"{1e3 * value:.3g} ms" if value >= 1e-3 or value == 0 else f"{1e6 * value:.3g} µs"
    suffix = {"s": " s", "reqps": " req/s"}.get(unit, "")
    return f"{value:,.3g}{suffix}" if abs(value) < 1000 else f"{value:,.0f}"


def table(found: Series, live: Monitoring) -> tuple[Any, Any]:
    """Times (T,) in seconds before the end, and the values (series, T) of some series, NaN where one has none."""
    curves = [dict(one["values"]) for one in found]
    times = sorted(set().union(*curves))
    values = np.array([[float(curve.get(at, "nan")) for at in times] for curve in curves])
    return np.array(times, float) - live.at, np.where(np.isfinite(values), values, np.nan)


def draw_timeseries(axes: Axes, panel: Panel, live: Monitoring) -> None:
    """Draw lines or stacked areas, with the thresholds of the panel."""
    found = [(target, one) for target in panel["targets"] for one in series(target, live, SECONDS)]
    names, (times, values) = [legend(target, one["metric"]) for target, one in found], table([one for _, one in found], live)
    defaults = panel["fieldConfig"]["defaults"]
    if "stacking" in defaults["custom"]:
        axes.stackplot(times, np.nan_to_num(values), labels=names, alpha=0.6)
    else:
        for name, row in zip(names, values, strict=True):
            known = np.isfinite(row)
            dashed = name.endswith(("baseline", "allowed", "objective"))
            axes.plot(times[known], row[known], label=name, linestyle="--" if dashed else "-")
    low, top = axes.get_ylim()
    axes.set_ylim(0 if "min" in defaults else low, top + 0.3 * (top - low))  # room for the legend
    for step in defaults.get("thresholds", {"steps": []})["steps"]:
        if step["value"] is not None and step["value"] <= 1.5 * top:
            axes.axhline(step["value"], color=COLOURS[step["color"]], linestyle=":")
    axes.set_xlim(-SECONDS, 0)
    axes.grid(True, linewidth=0.4)
    axes.legend(loc="upper left", ncols=2)


def draw_heatmap(axes: Axes, panel: Panel, live: Monitoring) -> None:
    """Draw a row of cells for each bucket, by the number of requests in it."""
    found = sorted(series(panel["targets"][0], live, SECONDS), key=lambda one: float(one["metric"]["le"]))
    _, upto = table(found, live)
    cells = np.diff(np.nan_to_num(upto), axis=0, prepend=0.0).clip(0.0)
    axes.imshow(cells, aspect="auto", origin="lower", cmap="inferno", extent=(-SECONDS, 0, 0, len(cells)))
    axes.set_yticks(range(1, len(found) + 1), [one["metric"]["le"] for one in found])


def draw_barchart(axes: Axes, panel: Panel, live: Monitoring) -> None:
    """Draw bars side by side for each edge, a colour for each target."""
    for number, target in enumerate(panel["targets"]):
        bars = {one["metric"]["le"]: float(one["values"][-1][1]) for one in series(target, live, SECONDS)}
        edges = sorted(bars, key=float)
        places = np.arange(len(edges))
        axes.bar(places + 0.4 * number, [bars[le] for le in edges], 0.38, label=legend(target, {}))
        axes.set_xticks(places + 0.2, edges)
    axes.legend(loc="upper left")


def draw_stat(axes: Axes, panel: Panel, live: Monitoring) -> None:
    """Draw the last value in the colour of its threshold."""
    defaults = panel["fieldConfig"]["defaults"]
    (value,) = (float(one["values"][-1][1]) for one in series(panel["targets"][0], live, SECONDS))
    steps = reversed(defaults["thresholds"]["steps"])
    colour = COLOURS[next(step["color"] for step in steps if step["value"] is None or value >= step["value"])]
    axes.text(0.5, 0.45, formatted(defaults, value), ha="center", va="center", fontsize=15, color=colour)
    axes.set(xticks=[], yticks=[])


DRAW = {"timeseries": draw_timeseries, "heatmap": draw_heatmap, "barchart": draw_barchart, "stat": draw_stat}


def draw(live: Monitoring) -> None:
    everything = dashboard()["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in everything)
    with plt.style.context(["dark_background", STYLE]):
        figure = plt.figure(figsize=(24 * COLUMN, height * LINE), dpi=100)
        for panel in everything:
            x, y, wide, high = (panel["gridPos"][key] for key in "xywh")
            bottom = height - y - high
            if panel["type"] == "row":
                figure.text((x + 0.2) / 24, (bottom + 0.3) / height, panel["title"], fontsize=9, weight="bold")
                continue
            axes = figure.add_axes(((x + 0.9) / 24, (bottom + 0.9) / height, (wide - 1.1) / 24, (high - 1.8) / height))
            axes.set_title(panel["title"], loc="left")
            DRAW[panel["type"]](axes, panel, live)
            if panel["type"] in ("timeseries", "barchart"):
                axes.yaxis.set_major_locator(MaxNLocator(5))
                axes.yaxis.set_major_formatter(partial(formatted, panel["fieldConfig"]["defaults"]))
        figure.savefig(GRAFANA / "dashboard.png", pil_kwargs={"optimize": True})


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, monitored(Path(folder)) as live:
        with Callers(live.replicas).calling() as callers:
            time.sleep(SECONDS / 2)
            callers.mean, callers.troubled = SHIFTED, True
            time.sleep(SECONDS / 2)
        live.at = time.time()
        draw(live)


if __name__ == "__main__":
    main()
