import time
from collections.abc import Iterator

import pytest

from tests.deploy.crowd import SHIFTED, Crowd
from tests.deploy.monitoring import Watch, until, watched


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
