"""The environments of the contestants: made once in a folder, each with the newest packages that fit together."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.facts import ROOT

PACKAGES = {
    "floor": ["gunicorn", "numpy", "orjson"],
    "web": ["fastapi", "pydantic", "uvicorn[standard]", "litestar", "msgspec", "numpy", "prometheus-client"],
    "pipeline": ["fastapi", "pydantic", "uvicorn[standard]", "numpy", "pandas", "prometheus-client", "scikit-learn"],
    "mlserver": ["mlserver", "numpy"],
    "explainers": ["captum", "numpy", "shap", "torch"],
}
_SHOWN = {"fastapi", "flask", "gunicorn", "httptools", "litestar", "marshmallow", "mlserver", "msgspec", "numpy", "orjson"}
_SHOWN |= {"pandas", "prometheus-client", "pydantic", "scikit-learn", "starlette", "uvicorn", "uvloop"}
_SHOWN |= {"captum", "shap", "torch"}


def python_of(environment: str | None, folder: Path, interpreter: str, upgrade: bool = False) -> str:
    """The interpreter of an environment, None for that of the project. It is made in the folder if it does not exist."""
    if environment is None:
        return sys.executable
    home = folder / environment
    python = home / "bin" / "python"
    packages = PACKAGES.get(environment, ["-e", str(ROOT)])
    install = [python, "-m", "pip", "install", "-q", "--upgrade", "--upgrade-strategy", "eager", *packages]
    if not python.exists():
        try:
            subprocess.run([interpreter, "-m", "venv", home], check=True)
            subprocess.run(install, check=True)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
    elif upgrade:
        subprocess.run(install, check=True)
    return str(python)


def check_out(revision: str, folder: Path) -> None:
    """Put the files of a git revision of this repository into an empty folder."""
    subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", ROOT, folder], check=True)
    subprocess.run(["git", "-C", folder, "checkout", "-q", revision], check=True)


def version_of(interpreter: str) -> str:
    """The version of Python that this program runs, such as 3.13.0."""
    command = [interpreter, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def versions(python: str) -> str:
    """Python and the packages of its environment that matter here, with their versions."""
    command = [python, "-m", "pip", "list", "--format=json"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    names = {package["name"].lower().replace("_", "-"): package["version"] for package in listed}
    return ", ".join([f"Python {version_of(python)}", *(f"{name} {names[name]}" for name in sorted(_SHOWN & set(names)))])
