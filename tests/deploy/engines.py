"""The programs of docs/operations/engines.md on a local Ray and a local Spark, in their own environment: .venv-engines."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.processes import Used
from tests.facts import ROOT
from tests.pages import blocks, section
from tests.servers import absent, environment

PAGE = ROOT / "docs" / "operations" / "engines.md"
_SECONDS = 600
_SPARK = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def python() -> Path:
    """The interpreter of their environment; without it the test is skipped, or fails in CI."""
    found = ROOT / ".venv-engines" / "bin" / "python"
    if not found.exists():
        absent("there is no .venv-engines: see tests/deploy/install.sh")
    return found


def run(engine: str, model: Path, source: Path, target: Path, **variables: str) -> Used:
    """Run the program of the page on this engine, with two CPUs and these variables."""
    (code,) = blocks("python", section(PAGE, engine))
    with tempfile.TemporaryDirectory(prefix="engine") as name:  # short: a path in it is the name of a socket
        folder = Path(name)
        (folder / "program.py").write_text(code)
        arguments, given = _STARTS[engine](folder, [folder / "program.py", model, source, target])
        return measured([python(), *arguments], **given, **variables)


def measured(command: Sequence[str | Path], **variables: str) -> Used:
    """What a command used. All its processes end, within a limit."""
    words = [sys.executable, "-m", "tests.benchmarks.processes", str(_SECONDS), *command]
    given, limit = environment(**variables), _SECONDS + 30
    done = subprocess.run(words, cwd=ROOT, env=given, capture_output=True, text=True, timeout=limit, check=False)
    assert done.returncode == 0, done.stderr
    return Used(**json.loads(done.stdout))


def _on_ray(folder: Path, program: Sequence[Path]) -> tuple[list[Path], dict[str, str]]:
    command = [Path(__file__).with_name("local_ray.py"), folder / "ray", *program]
    return command, {"RAY_USAGE_STATS_ENABLED": "0", "HOME": str(folder)}  # its token is a file in HOME


def _on_spark(folder: Path, program: Sequence[Path]) -> tuple[list[Path], dict[str, str]]:
    settings = _SPARK | {"spark.local.dir": str(folder), "spark.sql.warehouse.dir": str(folder / "warehouse")}
    options = "".join(f"--conf {name}={value} " for name, value in settings.items())
    submitted = f"--master local[2] --driver-memory 1g {options}pyspark-shell"
    return [*program], {"PYSPARK_SUBMIT_ARGS": submitted, "PYSPARK_PYTHON": str(python()), "SPARK_LOCAL_IP": "127.0.0.1"}


_STARTS = {"Ray Data": _on_ray, "Spark": _on_spark}
ENGINES = tuple(_STARTS)
