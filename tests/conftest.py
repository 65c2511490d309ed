import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import absent

ROOT = Path(__file__).resolve().parents[1]

# How long an example takes measures the machine, not the code.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real deliveries and trained models: REAL_DATA_DIR, else ../shared/real from the repository."""
    folder = ROOT / os.environ.get("REAL_DATA_DIR", "../shared/real")
    if not folder.is_dir():
        absent("no folder of real deliveries: set REAL_DATA_DIR to it")
    return folder
