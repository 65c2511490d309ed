import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from model.registry import versions
from service.cli import main
from tests.apps import app_of
from tests.facts import ORDER, REAL_DATA
from tests.registries import publish
from tests.servers import absent

# How long an example takes measures the machine, not the code. CI has the same examples for the same code.
fixed = bool(os.environ.get("CI"))
settings.register_profile("project", deadline=None, derandomize=fixed, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

DEFAULT = "not long and not deploy"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for the default tests. The others load or measure the machine and run one after another."""
    return 2 if config.option.markexpr == DEFAULT else 0


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real deliveries and trained models: REAL_DATA_DIR, else ../shared/real from the repository."""
    if not REAL_DATA.is_dir():
        absent("no folder of real deliveries: set REAL_DATA_DIR to it")
    return REAL_DATA


@pytest.fixture
def make_client() -> Callable[..., FlaskClient]:
    """A client of the application under these settings, given by their names without the prefix."""
    return lambda **given: app_of(**given).test_client()


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()


@pytest.fixture
def order() -> dict[str, object]:
    return dict(ORDER)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A registry of versions 1 to 3, the first of which is current."""
    directory = tmp_path / "models"
    directory.mkdir()
    for version in "123":
        publish(directory, version, float(version))
    versions.promote("1", directory)
    return directory


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `delivery-risk` with these arguments in an empty directory of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("DELIVERY_RISK_MODEL", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments, given="": CliRunner().invoke(main, [str(a) for a in arguments], input=given)


@pytest.fixture
def shell(tmp_path):
    """Run a line of shell in an empty directory of its own, where `delivery-risk` is the real program."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("DELIVERY_RISK_")}
    given = {"env": {**settings, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, "cwd": tmp_path}
    return lambda line: subprocess.run(["sh", "-c", line], **given, capture_output=True, text=True, timeout=60)
