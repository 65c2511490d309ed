"""The decision log in tests/data/decisions and its models: `python -m tests.recorded_log` adds a log of this version.

Earlier logs stay, since each must replay for ever. A new one is needed where records get new parts.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.artifact import model_file
from model.core.manifest import Context
from model.core.network import Network
from model.core.risk_model import RiskModel
from model.packaged import packaged_model
from tests.apps import service_of
from tests.facts import DATA, FEATURES
from tests.facts import ORDERS as KNOWN
from tests.models import layer, model_of
from tests.raw_orders import ORDERS as RAW
from tests.raw_orders import raw_model

FOLDER = DATA / "decisions"
LOG, MODELS = FOLDER / "log", FOLDER / "models"
CONTEXT = Context("region", ("north", "south"))
TANH = Network([layer([[0.5, -0.25], [0.125, 1.0]], [0.1, -0.2], "tanh"), layer([[1.5, -0.75]], [0.3])])
REQUESTS: Mapping[str, Sequence[tuple[str, int]]] = {
    "packaged": [("", 1), ("", 3), ("", 150), ("?review_top=2&explain=review", 5), ("?on_error=partial&explain=all", 6)],
    "raw": [
        ("", 4),
        ("", 120),
        ("?explain=all&changes=true", 4),
        ("?review_top=1&by=region&explain=review&changes=true", 8),
        ("?review_top=20", 130),
    ],
    "tanh": [("", 2), ("?review_top=1", 3), ("", 101)],
}
OMITTED = {"packaged": "order_ids", "raw": "order_ids,context", "tanh": "context"}


def models() -> dict[str, RiskModel]:
    """The models of the log, by name."""
    return {"packaged": packaged_model(), "raw": raw_model(context=(CONTEXT,)), "tanh": model_of(TANH)}


def orders(name: str, count: int) -> Iterator[dict[str, Any]]:
    """So many orders for a model, each with an id of its own; with a model of raw orders, some without a region."""
    known = {"packaged": KNOWN, "raw": RAW, "tanh": [{"f0": 0.5, "f1": -2.0}, {"f0": 1e-3, "f1": 0.1}]}[name]
    for number in range(count):
        order = {**known[number % len(known)], "order_id": f"{name}-{number}"}
        if name == "raw" and number % 3:
            order["region"] = ("north", "elsewhere")[number % 2]
        if name == "packaged" and number % 7 == 4:
            order["backlog"] = 99.5 + number
        yield order


def write(log: Path, folder: Path) -> None:
    """Write the models and, by the service in this process, a log of all REQUESTS without and with parts omitted."""
    for name, model in models().items():
        path = folder / f"{name}.npz"
        path.write_bytes(model_file.dumps(model))
        for omitted in ("", OMITTED[name]):
            given = {"decision_log_omit": omitted} if omitted else {}
            service = service_of(model=str(path), decision_log=str(log), **given)
            assert service.decision_log is not None
            service.decision_log.attach(0)
            for query, count in REQUESTS[name]:
                if "by=" in query and "context" in omitted:
                    continue  # it could not be replayed
                batch = list(orders(name, count))
                if "partial" in query:
                    batch[1] = {"order_id": "rejected", FEATURES[0]: "much"}
                answer = service.app.test_client().post(f"/score{query}", json={"orders": batch})
                if answer.status_code != 200:
                    raise RuntimeError(json.dumps(answer.json))


if __name__ == "__main__":
    LOG.mkdir(parents=True, exist_ok=True)
    MODELS.mkdir(exist_ok=True)
    write(LOG, MODELS)
    sys.exit(0)
