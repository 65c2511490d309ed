import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy import inference_clients
from tests.deploy.callers import SHIFTED, Callers
from tests.deploy.containers import BULK, BULK_LOCK, IMAGE, Engine, started
from tests.deploy.monitoring import Monitoring, monitored
from tests.deploy.nginx import Nginx, running_nginx
from tests.deploy.programs import replace_text
from tests.facts import ROOT
from tests.servers import Server, running, until

FILES = ("LICENSE", "README.md", "pyproject.toml", "requirements.lock", ".dockerignore")
FOLDERS = ("deploy", "model", "schemas", "service")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with started(tmp_path_factory.mktemp("containers")) as engine:
        yield engine


@pytest.fixture(scope="session")
def clients() -> Iterator[inference_clients.Clients]:
    """The real clients of the Open Inference Protocol."""
    with inference_clients.started() as found:
        yield found


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    engine.build(ROOT, IMAGE)
    return IMAGE


@pytest.fixture(scope="session")
def bulk_image(engine: Engine) -> str:
    engine.build(ROOT, BULK, f"--build-arg=LOCK={BULK_LOCK}")
    return BULK


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    return shutil.copytree(ROOT / "deploy", tmp_path / "deploy")


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """Copy what an image is built from, with a text of one file replaced."""

    def copy(file: str, old: str, new: str) -> Path:
        for name in FILES:
            shutil.copy2(ROOT / name, tmp_path)
        for name in FOLDERS:
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        replace_text(tmp_path / file, old, new)
        return tmp_path

    return copy


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def nginx(service: Server) -> Iterator[Nginx]:
    """nginx in front of the service."""
    with running_nginx(service.port) as started:
        yield started


@pytest.fixture(scope="session")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    """A calm time of usual orders, then one of shifted orders and troubled callers."""
    with monitored(tmp_path_factory.mktemp("monitored")) as monitoring:
        with Callers(monitoring.replicas).calling() as callers:
            time.sleep(12)
            monitoring.in_calm = monitoring.firing()
            callers.mean, callers.troubled = SHIFTED, True
            until(lambda: {"DeliveryRiskScoresDrift", "DeliveryRiskRequestsRefused"} <= set(monitoring.notified()), 40)
            time.sleep(2)
        time.sleep(1.5)
        monitoring.answered, monitoring.at = callers.answered, time.time()
        yield monitoring
