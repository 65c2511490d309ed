"""Draw deploy/grafana/dashboard.png: `python -m tests.deploy.picture`, with the extra `picture` and after install.sh.

The service, Prometheus and Alertmanager run for two minutes, one with usual orders and one with shifted orders and troubled
callers. matplotlib, not Grafana, draws the panels: they show the data that Grafana would show, but look different.
"""

import tempfile
import time
from math import isfinite
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tests.deploy.callers import SHIFTED, Callers
from tests.deploy.monitoring import Monitoring, monitored
from tests.deploy.panels import GRAFANA, Panel, dashboard, legend, panels, series

SECONDS = 60.0
COLUMN, LINE = 0.6, 0.3  # inches of a grid cell
COLOURS = {"red": "#f2495c", "orange": "#ff9830", "green": "#73bf69", "text": "#9fa7b3"}
STYLE = {"axes.titlesize": 7, "font.size": 6, "lines.linewidth": 1, "legend.fontsize": 5, "legend.frameon": False}


def formatted(value: float, unit: str) -> str:
    """A value in the unit of its panel."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and value < 1:
        return f"{1e3 * value:.3g} ms" if value >= 1e-3 or value == 0 else f"{1e6 * value:.3g} µs"
    suffix = {"s": " s", "reqps": " req/s"}.get(unit, "")
    return f"{value:,.3g}{suffix}" if abs(value) < 1000 else f"{value:,.0f}"


def points(one: dict[str, Any], end: float) -> dict[float, float]:
    """The values of a series by seconds before the end."""
    return {float(at) - end: float(value) for at, value in one["values"] if isfinite(float(value))}


def draw_timeseries(axes: Axes, panel: Panel, live: Monitoring, start: float, end: float) -> None:
    """Draw lines or stacked areas, with the thresholds of the panel."""
    found = [(target, one) for target in panel.targets for one in series(target, live, start, end)]
    curves = [(legend(target, one["metric"]), points(one, end)) for target, one in found]
    if "stacking" in panel.defaults["custom"]:
        times = sorted({at for _, curve in curves for at in curve})
        rows = [[curve.get(at, 0.0) for at in times] for _, curve in curves]
        axes.stackplot(times, rows, labels=[name for name, _ in curves], alpha=0.6)
    else:
        for name, curve in curves:
            dashed = name.endswith(("baseline", "allowed", "objective"))
            axes.plot(list(curve), list(curve.values()), label=name, linestyle="--" if dashed else "-")
    low, top = axes.get_ylim()
    axes.set_ylim(low, top + 0.3 * (top - low))  # room for the legend
    for step in panel.defaults.get("thresholds", {"steps": []})["steps"]:
        if step["value"] is not None and step["value"] <= 1.5 * top:
            axes.axhline(step["value"], color=COLOURS[step["color"]], linestyle=":")
    axes.set_xlim(start - end, 0)
    if "min" in panel.defaults:
        axes.set_ylim(bottom=0)
    axes.grid(True, linewidth=0.4)
    axes.legend(loc="upper left", ncols=2)


def draw_heatmap(axes: Axes, panel: Panel, live: Monitoring, start: float, end: float) -> None:
    """Draw a row of cells for each bucket, by the number of requests in it."""
    found = sorted(series(panel.targets[0], live, start, end), key=lambda one: float(one["metric"]["le"]))
    curves = [points(one, end) for one in found]
    times = sorted({at for curve in curves for at in curve})
    upto = [[curve.get(at, 0.0) for at in times] for curve in curves]
    pairs = zip(upto, [[0.0] * len(times), *upto], strict=False)
    cells = [[max(0.0, high - low) for high, low in zip(row, below, strict=True)] for row, below in pairs]
    axes.imshow(cells, aspect="auto", origin="lower", cmap="inferno", extent=(start - end, 0, 0, len(cells)))
    axes.set_yticks(range(1, len(found) + 1), [one["metric"]["le"] for one in found])


def draw_barchart(axes: Axes, panel: Panel, live: Monitoring, start: float, end: float) -> None:
    """Draw bars side by side for each edge, a colour for each target."""
    for number, target in enumerate(panel.targets):
        bars = {one["metric"]["le"]: float(one["values"][-1][1]) for one in series(target, live, start, end)}
        edges = sorted(bars, key=float)
        axes.bar([n + 0.4 * number for n in range(len(edges))], [bars[le] for le in edges], 0.38, label=legend(target, {}))
        axes.set_xticks([n + 0.2 for n in range(len(edges))], edges)
    axes.legend(loc="upper left")


def draw_stat(axes: Axes, panel: Panel, live: Monitoring, start: float, end: float) -> None:
    """Draw the last value in the colour of its threshold."""
    (value,) = (float(one["values"][-1][1]) for one in series(panel.targets[0], live, start, end))
    steps = panel.defaults["thresholds"]["steps"]
    colour = next(step["color"] for step in reversed(steps) if step["value"] is None or value >= step["value"])
    axes.text(0.5, 0.45, formatted(value, panel.unit), ha="center", va="center", fontsize=15, color=COLOURS[colour])
    axes.set_xticks([])
    axes.set_yticks([])


DRAW = {"timeseries": draw_timeseries, "heatmap": draw_heatmap, "barchart": draw_barchart, "stat": draw_stat}


def draw(live: Monitoring, start: float, end: float) -> None:
    models = dashboard()["panels"]
    height = max(model["gridPos"]["y"] + model["gridPos"]["h"] for model in models)

    def area(cell: dict[str, int], left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
        x, y = cell["x"] + left, height - cell["y"] - cell["h"] + bottom
        return x / 24, y / height, (cell["w"] - left - right) / 24, (cell["h"] - bottom - top) / height

    with plt.style.context(["dark_background", STYLE]):
        figure = plt.figure(figsize=(24 * COLUMN, height * LINE), dpi=100)
        for model in models:
            if model["type"] == "row":
                x, y, _, _ = area(model["gridPos"], 0.2, 0.3, 0, 0)
                figure.text(x, y, model["title"], fontsize=9, weight="bold")
        for panel in panels():
            axes = figure.add_axes(area(panel.model["gridPos"], 0.9, 0.9, 0.2, 0.9))
            axes.set_title(panel.title, loc="left")
            DRAW[panel.kind](axes, panel, live, start, end)
            if panel.kind in ("timeseries", "barchart"):
                axes.yaxis.set_major_locator(MaxNLocator(5))
                axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _, unit=panel.unit: formatted(value, unit)))
        figure.savefig(GRAFANA / "dashboard.png", pil_kwargs={"optimize": True})


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, monitored(Path(folder)) as live:
        start = time.time()
        with Callers(live.replicas).calling() as callers:
            time.sleep(SECONDS)
            callers.mean, callers.troubled = SHIFTED, True
            time.sleep(SECONDS)
        draw(live, start, time.time())


if __name__ == "__main__":
    main()
