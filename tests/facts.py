"""What many tests know: the packaged model's features, three orders and their exact scores, and where files are."""

import os
from pathlib import Path

from model.core.manifest import Input

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
REAL_DATA = ROOT / os.environ.get("REAL_DATA_DIR", "../shared/real")
FEATURES = ("route_disruption", "backlog", "weather_severity")
INPUTS = tuple(map(Input, FEATURES))
THRESHOLD = 0.6
ORDER = {"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}
ORDERS = [
    ORDER,
    {"order_id": "B-208", "route_disruption": 8, "backlog": 7, "weather_severity": 9},
    {"order_id": "C-311", "route_disruption": 5, "backlog": 9, "weather_severity": 4},
]
SCORES = [0.425557483188341, 0.9811090380629609, 0.7320405018416317]
