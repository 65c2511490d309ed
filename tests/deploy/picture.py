"""A picture of the dashboard: `python -m tests.deploy.picture`, with the extra `picture` and what install.sh brings.

The service, Prometheus and Alertmanager run for two minutes, a calm one and one of shifted orders and troubled callers; then
every panel's own expressions are asked over that time and drawn in the panel's place. It is drawn by matplotlib, not by
Grafana: the data are what a Grafana would show, its looks are not.
"""

import tempfile
import time
from math import isfinite
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tests.deploy.crowd import SHIFTED, Crowd
from tests.deploy.monitoring import Watched, watched
from tests.deploy.panels import GRAFANA, Panel, dashboard, legend, panels, series

OUT = GRAFANA / "dashboard.png"
CALM, TROUBLED = 60.0, 60.0
COLUMN, LINE = 0.6, 0.3  # inches of a step of the grid
COLOURS = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#fade2a")
MARKS = {"red": "#f2495c", "orange": "#ff9830", "green": "#73bf69", "text": "#9fa7b3"}
LOOKS = {
    "figure.facecolor": "#111217",
    "axes.facecolor": "#181b1f",
    "axes.edgecolor": "#2c3235",
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
    "axes.titlesize": 7,
    "font.size": 6,
    "grid.color": "#2c3235",
    "lines.linewidth": 1,
    "text.color": "#d8d9da",
    "axes.labelcolor": "#9fa7b3",
    "xtick.color": "#9fa7b3",
    "ytick.color": "#9fa7b3",
}


def shown(value: float, unit: str) -> str:
    """A value in its panel's unit."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and value < 1:
        return f"{1e3 * value:.3g} ms" if value >= 1e-3 or value == 0 else f"{1e6 * value:.3g} µs"
    return (
        f"{value:,.3g}{' s' if unit == 's' else ' req/s' if unit == 'reqps' else ''}" if abs(value) < 1000 else f"{value:,.0f}"
    )


def points(one: dict[str, Any], end: float) -> tuple[list[float], list[float]]:
    """Seconds to the end, and values, of a series."""
    pairs = [(float(at) - end, float(value)) for at, value in one["values"] if isfinite(float(value))]
    return [at for at, _ in pairs], [value for _, value in pairs]


def draw_timeseries(axes: Axes, panel: Panel, live: Watched, start: float, end: float) -> None:
    """Lines, or areas on one another, with the panel's thresholds."""
    custom = panel.model["fieldConfig"]["defaults"]["custom"]
    curves = [(legend(t, one["metric"]), *points(one, end)) for t in panel.targets for one in series(t, live, start, end)]
    if "stacking" in custom:
        times = sorted({at for _, moments, _ in curves for at in moments})
        rows = [[dict(zip(moments, values, strict=True)).get(at, 0.0) for at in times] for _, moments, values in curves]
        axes.stackplot(times, rows, labels=[name for name, _, _ in curves], alpha=0.6)
    else:
        for name, moments, values in curves:
            dashed = name.endswith(("baseline", "allowed", "objective"))
            axes.plot(moments, values, label=name, linestyle="--" if dashed else "-")
    low, top = axes.get_ylim()
    axes.set_ylim(low, top + 0.3 * (top - low))  # room for the legend
    for step in panel.model["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]:
        if step["value"] is not None and step["value"] <= 1.5 * top:
            axes.axhline(step["value"], color=MARKS[step["color"]], linestyle=":")
    axes.set_xlim(start - end, 0)
    if "min" in panel.model["fieldConfig"]["defaults"]:
        axes.set_ylim(bottom=0)
    axes.grid(True, linewidth=0.4)
    axes.legend(loc="upper left", fontsize=5, frameon=False, ncols=2)


def draw_heatmap(axes: Axes, panel: Panel, live: Watched, start: float, end: float) -> None:
    """A row of cells for each bucket, by how many fell into it and not into the one below."""
    found = sorted(series(panel.targets[0], live, start, end), key=lambda one: float(one["metric"]["le"]))
    times = sorted({at for one in found for at in points(one, end)[0]})
    upto = [[dict(zip(*points(one, end), strict=True)).get(at, 0.0) for at in times] for one in found]
    cells = [
        [max(0.0, high - low) for high, low in zip(row, before, strict=True)]
        for row, before in zip(upto, [[0.0] * len(times), *upto], strict=False)
    ]
    axes.imshow(cells, aspect="auto", origin="lower", cmap="inferno", extent=(start - end, 0, 0, len(cells)))
    axes.set_yticks(range(1, len(found) + 1), [one["metric"]["le"] for one in found])


def draw_barchart(axes: Axes, panel: Panel, live: Watched, start: float, end: float) -> None:
    """Bars side by side for each edge, a colour for each target."""
    for number, target in enumerate(panel.targets):
        bars = {one["metric"]["le"]: float(one["values"][-1][1]) for one in series(target, live, start, end)}
        edges = sorted(bars, key=float)
        axes.bar([n + 0.4 * number for n in range(len(edges))], [bars[le] for le in edges], 0.38, label=legend(target, {}))
        axes.set_xticks([n + 0.2 for n in range(len(edges))], edges)
    axes.legend(loc="upper left", fontsize=5, frameon=False)


def draw_stat(axes: Axes, panel: Panel, live: Watched, start: float, end: float) -> None:
    """The last value, in the colour of the threshold that it has reached."""
    (value,) = (float(one["values"][-1][1]) for one in series(panel.targets[0], live, start, end))
    steps = panel.model["fieldConfig"]["defaults"]["thresholds"]["steps"]
    colour = next(step["color"] for step in reversed(steps) if step["value"] is None or value >= step["value"])
    axes.text(0.5, 0.45, shown(value, panel.unit), ha="center", va="center", fontsize=15, color=MARKS[colour])
    axes.set_xticks([])
    axes.set_yticks([])


DRAWN = {"timeseries": draw_timeseries, "heatmap": draw_heatmap, "barchart": draw_barchart, "stat": draw_stat}


def draw(live: Watched, start: float, end: float, out: Path) -> None:
    """Every panel in its place."""
    records = dashboard()
    places = [model["gridPos"] for model in records["panels"]]
    height = max(place["y"] + place["h"] for place in places)
    with mpl.rc_context(LOOKS):
        figure = plt.figure(figsize=(24 * COLUMN, height * LINE), dpi=100)

        def area(
            place: dict[str, int], left: float, bottom: float, right: float, top: float
        ) -> tuple[float, float, float, float]:
            x, y = place["x"] + left, height - place["y"] - place["h"] + bottom
            return x / 24, y / height, (place["w"] - left - right) / 24, (place["h"] - bottom - top) / height

        for model in records["panels"]:
            if model["type"] == "row":
                x, y, _, _ = area(model["gridPos"], 0.2, 0.3, 0, 0)
                figure.text(x, y, model["title"], fontsize=9, weight="bold")
        for panel in panels(records):
            axes = figure.add_axes(area(panel.model["gridPos"], 0.9, 0.9, 0.2, 0.9))
            axes.set_title(panel.title, loc="left")
            DRAWN[panel.kind](axes, panel, live, start, end)
            if panel.kind in ("timeseries", "barchart"):
                axes.yaxis.set_major_locator(MaxNLocator(5))
                axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _, unit=panel.unit: shown(value, unit)))
        figure.savefig(out, pil_kwargs={"optimize": True})


def main() -> None:
    with tempfile.TemporaryDirectory() as place, watched(Path(place)) as live:
        start = time.time()
        with Crowd(live.replicas).calling() as crowd:
            time.sleep(CALM)
            crowd.mean, crowd.troubled = SHIFTED, True
            time.sleep(TROUBLED)
        draw(live, start, time.time(), OUT)


if __name__ == "__main__":
    main()
