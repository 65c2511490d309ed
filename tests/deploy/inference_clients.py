"""The real clients of the Open Inference Protocol, in a process with their own environment: .venv-clients."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.facts import FEATURES, ORDERS, ROOT
from tests.servers import Client, absent, ended
from tests.tensor_oracle import MATRIX

_HERE = Path(__file__).parent
CLIENTS = ("sync_infer", "aio_infer", "kserve_infer")
"""The calls that infer by v2: those of Triton's two clients and of KServe's."""


def python() -> str:
    """The interpreter of their environment; without it the test is skipped, or fails in CI."""
    found = ROOT / ".venv-clients" / "bin" / "python"
    if not found.exists():
        absent("there is no .venv-clients: see tests/deploy/install.sh")
    return str(found)


def printed(script: str) -> Any:
    """The JSON that a script of this folder prints in their environment."""
    done = subprocess.run([python(), _HERE / script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Clients:
    """A process that makes calls."""

    process: subprocess.Popen[str]

    def outcomes(self, server: Client, calls: Iterable[dict[str, Any]], token: str | None = None) -> list[Any]:
        """The outcome of each call to this server, as inference_calls.py describes it."""
        given = {"port": server.port, "token": token or server.token, "calls": list(calls)}
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(given) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the process of the clients has ended"
        return json.loads(line)


@contextmanager
def started() -> Iterator[Clients]:
    """The process of the clients, until the block ends."""
    command = [python(), str(_HERE / "inference_calls.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Clients(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            ended(process)


def tensor(name: str, datatype: str, shape: list[int], data: list[Any], binary: bool) -> dict[str, Any]:
    """An input of a call."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, "binary": binary}


KNOWN = tensor(MATRIX, "FP64", [len(ORDERS), len(FEATURES)], [float(each[name]) for each in ORDERS for name in FEATURES], True)
"""The known orders."""


def call(client: str, *inputs: dict[str, Any], outputs: Iterable[tuple[str, bool]] = (), **more: Any) -> dict[str, Any]:
    """A call that infers; `outputs` says of each wanted output whether it is to be binary."""
    return {"call": client, "inputs": list(inputs), "outputs": list(outputs), **more}


def assert_readable(found: Any, status: str, text: str) -> None:
    """The outcome is an error with the words of the service, not those of a client that cannot read them."""
    assert "outputs" not in found, found
    assert found["type"] in ("InferenceServerException", "HTTPStatusError"), found
    assert "decoding the response" not in found["error"], found
    assert status in found["error"], found
    message = found["error"].removeprefix(f"[{status}] ").split(", '4")[0].split(", '5")[0]
    assert len(message) > 15, found
    assert text in message, found
