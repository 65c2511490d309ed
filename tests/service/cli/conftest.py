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
