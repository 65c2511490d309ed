"""The contestants of the benchmark: how each is started, its requests, and how its answers are read."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.config import variable
from tests.benchmarks.bodies import Result, columns, expected, of_columns, of_records, of_tensors, records, tensors
from tests.benchmarks.client import JSON
from tests.benchmarks.environments import version_of
from tests.facts import ROOT

PEERS = "tests.benchmarks.peers"


@dataclass(frozen=True)
class Contestant:
    """`environment` names its virtual environment, None for that of the project; `differs` is what it does not do.

    `expected` are the results that it must answer to so many orders, and `headers` those of a request of so many. `read` makes
    of the bytes of an answer what `results` takes.

    Only this service checks for out-of-range features, repeated ids and duplicate names in an object.
    """

    name: str
    command: list[str]
    body: Callable[[int], bytes] = records
    results: Callable[[Any], list[Result]] = of_records
    environment: str | None = None
    path: str = "/score"
    differs: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    interpreter: str = sys.executable
    expected: Callable[[int], list[Result]] = expected
    headers: Callable[[int], Mapping[str, str]] = lambda _: JSON
    read: Callable[[bytes], Any] = json.loads


def _gunicorn(module: str) -> list[str]:
    options = ["-k", "gthread", "--threads", "4", "--keep-alive", "75", "--access-logfile", "-", "--workers", "{workers}"]
    return ["-m", "gunicorn", *options, "-b", "127.0.0.1:{port}", f"{PEERS}.{module}:app"]


def web(name: str, module: str, path: str = "/score", *, counting: bool = True) -> Contestant:
    differs, variables = ("", {}) if counting else ("no metrics", {"WITHOUT_COUNTING": "yes"})
    command = ["-m", "uvicorn", "--workers", "{workers}", "--port", "{port}", f"{PEERS}.{module}:app"]
    name = name if counting else f"{name}, not counting"
    return Contestant(name, command, environment="web", path=path, differs=differs, variables=variables)


_SERVE = ["-m", "service.cli", "serve", "--workers", "{workers}", "--bind", "127.0.0.1:{port}"]
_MLSERVER = {"HTTP_PORT": "{port}", "GRPC_PORT": "{port1}", "METRICS_PORT": "{port2}", "HOST": "127.0.0.1"}
_MLSERVER |= {"PARALLEL_WORKERS": "0", "DEBUG": "false"}
_ASYNC = ("FastAPI + pydantic, async def", "fastapi_pydantic", "/score-async")

OURS = Contestant("this service", _SERVE)
OUR_COLUMNS = replace(OURS, name="this service, columns", body=columns, results=of_columns)
FAST_LANE_OFF = replace(OURS, name="this service, fast lane off", variables={variable("fast_lane"): "off"})
FLASK = Contestant(
    "bare Flask route",
    _gunicorn("bare_flask"),
    differs="answers a constant; logs a line",
    expected=lambda count: expected(1),
)
FLOOR = Contestant("data floor", _gunicorn("data_floor"), environment="floor", differs="no validation, no metrics")
NAIVE = Contestant("naive marshmallow", _gunicorn("naive"), differs="converts types")
FASTAPI = web(*_ASYNC)
LITESTAR = web("Litestar + msgspec", "litestar_msgspec")
MLSERVER = Contestant(
    "MLServer, columns",
    ["-c", "from mlserver.cli import main; main()", "start", f"{ROOT}/tests/benchmarks/peers/mlserver"],
    tensors,
    of_tensors,
    "mlserver",
    path="/v2/models/delivery-risk/infer",
    differs="no metrics of scores",
    variables={f"MLSERVER_{name}": value for name, value in _MLSERVER.items()},
)
CONTESTANTS = [
    OURS,
    OUR_COLUMNS,
    FAST_LANE_OFF,
    FLASK,
    FLOOR,
    NAIVE,
    web("FastAPI + pydantic, def", "fastapi_pydantic"),
    FASTAPI,
    web(*_ASYNC, counting=False),
    LITESTAR,
    web(LITESTAR.name, "litestar_msgspec", counting=False),
    MLSERVER,
]
CONNECTED = [OURS, FLASK, FASTAPI, LITESTAR]
"""Those that are measured with many connections."""


def on_python(interpreter: str) -> Contestant:
    """This service on another Python, in an environment of its own."""
    version = version_of(interpreter)
    return replace(OURS, name=f"this service, Python {version}", environment=f"service-{version}", interpreter=interpreter)
