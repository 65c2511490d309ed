import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main


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
    environment = {**settings, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def shell(line):
        return subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    return shell
