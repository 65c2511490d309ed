"""The contestants of the benchmark: how each is started, its requests, and how its scores are read."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.facts import FEATURES, ORDERS, ROOT

PEERS = "tests.benchmarks.peers"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Contestant:
    """`environment` names its virtual environment, None for that of the project; `differs` is what it does not do.

    Only this service checks for out-of-range features, repeated ids and duplicate names in an object.
    """

    name: str
    command: list[str]
    body: Callable[[int], bytes]
    scores: Callable[[Any], list[float]]
    environment: str | None = None
    path: str = "/score"
    differs: str = ""
    variables: dict[str, str] = field(default_factory=dict)


def orders(count: int) -> list[list[float]]:
    """The known orders, then random ones, half of whose numbers are integers."""
    draw = random.Random(count)
    known: list[Any] = [[order[name] for name in FEATURES] for order in ORDERS]
    rest = [[round(draw.uniform(0, 10), 6), draw.randrange(11), round(draw.uniform(0, 10), 2)] for _ in range(count)]
    return (known + rest)[:count]


def _ids(count: int) -> list[str]:
    return [f"O-{number:06d}" for number in range(count)]


def records(count: int) -> bytes:
    rows = zip(_ids(count), orders(count), strict=True)
    return dumps({"orders": [{"order_id": order_id, **dict(zip(FEATURES, row, strict=True))} for order_id, row in rows]})


def _columns(count: int) -> dict[str, tuple[float, ...]]:
    return dict(zip(FEATURES, zip(*orders(count), strict=True), strict=True))


def columns(count: int) -> bytes:
    return dumps({"order_ids": _ids(count), "columns": _columns(count)})


def tensors(count: int) -> bytes:
    named = [("order_id", "BYTES", _ids(count)), *((name, "FP64", data) for name, data in _columns(count).items())]
    return dumps({"inputs": [{"name": name, "shape": [count], "datatype": kind, "data": data} for name, kind, data in named]})


def dumps(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def of_records(answer: Any) -> list[float]:
    return [row["score"] for row in answer["results"]]


def _gunicorn(module: str) -> list[str]:
    options = ["-k", "gthread", "--threads", "4", "--keep-alive", "75", "--access-logfile", "-"]
    return ["-m", "gunicorn", *options, "-b", "127.0.0.1:{port}", f"{PEERS}.{module}:app"]


def _web(name: str, module: str, *, counting: bool) -> Contestant:
    differs, variables = ("", {}) if counting else ("no metrics", {"WITHOUT_COUNTING": "yes"})
    command = ["-m", "uvicorn", "--port", "{port}", f"{PEERS}.{module}:app"]
    return Contestant(name, command, records, of_records, "web", differs=differs, variables=variables)


OURS = ["-m", "service.cli", "serve", "--workers", "1", "--bind", "127.0.0.1:{port}"]
MLSERVER = ["-c", "from mlserver.cli import main; main()", "start", f"{ROOT}/tests/benchmarks/peers/mlserver"]
_MLSERVER = {"HTTP_PORT": "{port}", "GRPC_PORT": "{port1}", "METRICS_PORT": "{port2}", "HOST": "127.0.0.1"}
_MLSERVER |= {"PARALLEL_WORKERS": "0", "DEBUG": "false"}
CONTESTANTS = [
    Contestant("this service", OURS, records, of_records),
    Contestant("this service, columns", OURS, columns, lambda answer: answer["scores"]),
    Contestant("bare Flask route", _gunicorn("bare_flask"), records, of_records, differs="answers a constant; logs a line"),
    Contestant("data floor", _gunicorn("data_floor"), records, of_records, "floor", differs="no validation, no metrics"),
    Contestant("naive marshmallow", _gunicorn("naive"), records, of_records, differs="converts types"),
    _web("FastAPI + pydantic", "fastapi_pydantic", counting=True),
    _web("FastAPI + pydantic, not counting", "fastapi_pydantic", counting=False),
    _web("Litestar + msgspec", "litestar_msgspec", counting=True),
    _web("Litestar + msgspec, not counting", "litestar_msgspec", counting=False),
    Contestant(
        "MLServer, columns",
        MLSERVER,
        tensors,
        lambda answer: answer["outputs"][0]["data"],
        "mlserver",
        path="/v2/models/delivery-risk/infer",
        differs="no metrics of scores",
        variables={f"MLSERVER_{name}": value for name, value in _MLSERVER.items()},
    ),
]
PACKAGES = {
    "floor": ["gunicorn", "numpy", "orjson"],
    "web": ["fastapi", "pydantic", "uvicorn[standard]", "litestar", "msgspec", "numpy", "prometheus-client"],
    "mlserver": ["mlserver", "numpy"],
}


def python_of(environment: str | None, folder: Path) -> str:
    """The interpreter of an environment, which is created in the folder if it does not exist."""
    if environment is None:
        return sys.executable
    python = folder / environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[environment]], check=True)
    return str(python)
