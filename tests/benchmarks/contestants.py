"""Who runs in the benchmark: how each is started, what it is sent, and how its answer is checked before it counts."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HERE = "tests.benchmarks.peers"
FEATURES = ("route_disruption", "backlog", "weather_severity")
KNOWN = {"O-000000": 0.425557483188341, "O-000001": 0.9811090380629609, "O-000002": 0.7320405018416317}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Contestant:
    """`environment` names the packages it needs, None for the project's own; `differs` says what it does not do.

    Common to all but this service: out-of-range features and repeated ids are not looked for, names given twice pass.
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
    """The three known orders, then random ones: one half whole numbers, as such data has them."""
    draw = random.Random(count)
    known: list[list[float]] = [[2, 3, 1], [8, 7, 9], [5, 9, 4]]
    rest: list[list[float]] = [
        [round(draw.uniform(0, 10), 6), draw.randrange(11), round(draw.uniform(0, 10), 2)] for _ in range(count)
    ]
    return (known + rest)[:count]


def records(count: int) -> bytes:
    rows = enumerate(orders(count))
    return dumps({"orders": [{"order_id": f"O-{n:06d}", **dict(zip(FEATURES, row, strict=True))} for n, row in rows]})


def columns(count: int) -> bytes:
    rows = orders(count)
    lists = {name: [row[at] for row in rows] for at, name in enumerate(FEATURES)}
    return dumps({"order_ids": [f"O-{n:06d}" for n in range(count)], "columns": lists})


def tensors(count: int) -> bytes:
    rows = orders(count)
    ids = {"name": "order_id", "shape": [count], "datatype": "BYTES", "data": [f"O-{n:06d}" for n in range(count)]}
    inputs = [
        {"name": name, "shape": [count], "datatype": "FP64", "data": [row[at] for row in rows]}
        for at, name in enumerate(FEATURES)
    ]
    return dumps({"inputs": [ids, *inputs]})


def dumps(document: Any) -> bytes:
    """As JSON without spaces."""
    return json.dumps(document, separators=(",", ":")).encode()


def of_records(answer: Any) -> list[float]:
    return [row["score"] for row in answer["results"]]


def of_columns(answer: Any) -> list[float]:
    return list(answer["scores"])


def of_tensors(answer: Any) -> list[float]:
    return list(answer["outputs"][0]["data"])


def _gunicorn(application: str) -> list[str]:
    options = ["-k", "gthread", "--threads", "4", "--keep-alive", "75", "--access-logfile", "-"]
    return ["-m", "gunicorn", *options, "-b", "127.0.0.1:{port}", application]


def _uvicorn(application: str) -> list[str]:
    return ["-m", "uvicorn", "--port", "{port}", application]


OURS = ["-m", "service.cli", "serve", "--workers", "1", "--bind", "127.0.0.1:{port}"]
CONTESTANTS = [
    Contestant("this service", OURS, records, of_records),
    Contestant("this service, columns", OURS, columns, of_columns),
    Contestant(
        "bare Flask route",
        _gunicorn(f"{HERE}.bare_flask:app"),
        records,
        of_records,
        differs="reads the body, answers a constant; logs a line",
    ),
    Contestant(
        "data floor",
        _gunicorn(f"{HERE}.data_floor:app"),
        records,
        of_records,
        "floor",
        differs="no validation, no metrics",
    ),
    Contestant("naive marshmallow", _gunicorn(f"{HERE}.naive:app"), records, of_records, differs="bends types"),
    *(
        Contestant(
            name + ", not counting" * without,
            _uvicorn(f"{HERE}.{module}:app"),
            records,
            of_records,
            "web",
            differs="no metrics" if without else "",
            variables={"WITHOUT_COUNTING": "yes"} if without else {},
        )
        for name, module in (("FastAPI + pydantic", "fastapi_pydantic"), ("Litestar + msgspec", "litestar_msgspec"))
        for without in (False, True)
    ),
    Contestant(
        "MLServer, columns",
        ["-c", "from mlserver.cli import main; main()", "start", f"{ROOT}/tests/benchmarks/peers/mlserver"],
        tensors,
        of_tensors,
        "mlserver",
        path="/v2/models/delivery-risk/infer",
        differs="no metrics of scores",
        variables={
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{port1}",
            "MLSERVER_METRICS_PORT": "{port2}",
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_DEBUG": "false",
        },
    ),
]
PACKAGES = {
    "floor": ["gunicorn", "numpy", "orjson"],
    "web": ["fastapi", "pydantic", "uvicorn[standard]", "litestar", "msgspec", "numpy", "prometheus-client"],
    "mlserver": ["mlserver", "numpy"],
}


def python_of(environment: str | None, folder: Path) -> str:
    """The interpreter of an environment, which is made in the folder if it is not there."""
    if environment is None:
        return sys.executable
    python = folder / environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[environment]], check=True)
    return str(python)


def start(contestant: Contestant, python: str, ports: list[int]) -> subprocess.Popen[bytes]:
    """The contestant's process, listening on the first of three free ports."""
    places = {"port": ports[0], "port1": ports[1], "port2": ports[2]}
    command = [python, *(part.format(**places) for part in contestant.command)]
    variables = {name: value.format(**places) for name, value in contestant.variables.items()}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **variables}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
