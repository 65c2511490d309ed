"""The environments of the contestants."""

import subprocess
import sys

import pytest

from tests.benchmarks.environments import python_of

# As `python -m venv FOLDER`: it makes an interpreter that writes its arguments into a file and exits with this status.
INTERPRETER = """#!/bin/sh
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "$@" >> "%s/installed"\\nexit {status}\\n' "$3" > "$3/bin/python"
chmod +x "$3/bin/python"
"""


@pytest.fixture
def interpreter(tmp_path):
    """A stand-in for an interpreter, whose installations exit with a status."""

    def made(status=0):
        program = tmp_path / "python"
        program.write_text(INTERPRETER.format(status=status))
        program.chmod(0o755)
        return str(program)

    return made


def test_an_environment_is_made_once_and_installed_again_only_for_an_upgrade(tmp_path, interpreter):
    installed = tmp_path / "web" / "installed"
    for upgrade, runs in ((False, 1), (False, 1), (True, 2)):
        assert python_of("web", tmp_path, interpreter(), upgrade) == str(tmp_path / "web" / "bin" / "python")
        assert len(installed.read_text().splitlines()) == runs
    assert "litestar" in installed.read_text()


def test_an_environment_whose_packages_could_not_be_installed_is_not_left_behind(tmp_path, interpreter):
    with pytest.raises(subprocess.CalledProcessError):
        python_of("web", tmp_path, interpreter(status=1))
    assert not (tmp_path / "web").exists()


def test_the_environment_of_the_project_is_taken_as_it_is(tmp_path):
    assert python_of(None, tmp_path, "none", upgrade=True) == sys.executable
