"""How the figures of an evaluation look: one quiet style, readable on paper, on a telephone and whatever the colour vision."""

from typing import Any

# Colours of Okabe and Ito, which all people see as different. Lines of one figure differ in their dashes as well.
ON_TIME, LATE, MODEL, RECOMMENDED = "#0072B2", "#D55E00", "#6b6b6b", "#009E73"
RECALL, PRECISION = "#0072B2", "#B35590"
REFERENCE, QUIET = "#000000", "#555555"

# Small paper and large letters: at 360 pixels, two thirds of the size, they are still read.
STYLE: dict[str, Any] = {
    "figure.figsize": (4.8, 4.0),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.parse_math": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#222222",
    "axes.titlesize": 10.5,
    "axes.titlecolor": QUIET,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "svg.fonttype": "path",
    "svg.hashsalt": "delivery-risk",
}

DASHED = (0, (4, 3))
COUNT, SHARE = "{x:,.0f}", "{x:.0%}"
"""Formats of the numbers on an axis."""
