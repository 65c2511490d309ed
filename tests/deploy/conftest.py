import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.deploy.crowd import SHIFTED, Crowd
from tests.deploy.monitoring import Watched, until, watched


@dataclass(frozen=True)
class Watch:
    """What a live run has shown: the alerts after calm seconds, whether a shift was told of, and when all of it had been."""

    watched: Watched
    in_calm: set[str]
    told: dict[str, str]
    answered: int
    at: float


@pytest.fixture(scope="session")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """A calm time of usual orders, then one of shifted orders and troubled callers."""
    with watched(tmp_path_factory.mktemp("watched")) as found:
        with Crowd(found.replicas).calling() as crowd:
            time.sleep(12)
            in_calm = found.firing()
            crowd.mean, crowd.troubled = SHIFTED, True
            until(lambda: {"DeliveryRiskScoresDrift", "DeliveryRiskRequestsRefused"} <= set(found.told()))
            time.sleep(2)
            at = time.time()
        time.sleep(1.5)
        yield Watch(found, in_calm, found.told(), crowd.answered, at)
