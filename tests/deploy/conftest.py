import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.crowd import SHIFTED, Crowd
from tests.deploy.engine import IMAGE, Engine, started
from tests.deploy.fronts import Front, front
from tests.deploy.monitoring import Watch, watched
from tests.deploy.planting import plant
from tests.facts import ROOT
from tests.servers import Server, running, until

FILES = ("LICENSE", "README.md", "pyproject.toml", "requirements.lock", ".dockerignore")
FOLDERS = ("deploy", "model", "schemas", "service")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with started(tmp_path_factory.mktemp("containers")) as engine:
        yield engine


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """The image of this repository."""
    engine.build(ROOT, IMAGE)
    return IMAGE


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """A copy of what an image is made of, with a text in one of its files exchanged."""

    def copy(file: str, old: str, new: str) -> Path:
        for name in FILES:
            shutil.copy2(ROOT / name, tmp_path)
        for name in FOLDERS:
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        plant(tmp_path / file, old, new)
        return tmp_path

    return copy


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(service: Server) -> Iterator[Front]:
    """nginx in front of it."""
    with front(service.port) as started:
        yield started


@pytest.fixture(scope="session")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """A calm time of usual orders, then one of shifted orders and troubled callers."""
    with watched(tmp_path_factory.mktemp("watched")) as found:
        with Crowd(found.replicas).calling() as crowd:
            time.sleep(12)
            in_calm = found.firing()
            crowd.mean, crowd.troubled = SHIFTED, True
            until(lambda: {"DeliveryRiskScoresDrift", "DeliveryRiskRequestsRejected"} <= set(found.told()), 40)
            time.sleep(2)
            at = time.time()
        time.sleep(1.5)
        yield Watch(found, in_calm, found.told(), crowd.answered, at)
