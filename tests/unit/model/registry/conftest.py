import pytest

from tests.registries import holding


@pytest.fixture
def three(tmp_path):
    """A registry of the versions 1, 2 and 3, promoted one after the other."""
    return holding(tmp_path / "registry", "123", "123")
