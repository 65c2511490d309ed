"""deploy/systemd, by systemd's own reader of units."""

import configparser
import shutil

import pytest

from service import config
from service.cli import main
from tests.deploy.programs import replace_text, run

pytestmark = pytest.mark.deploy

INSTALLED = "/opt/delivery-risk/.venv/bin/delivery-risk"
MOST_EXPOSED = 15
"""systemd's exposure level times ten: 10 is a service that needs the network, 96 one without any hardening."""


def check_unit(file):
    """systemd understands every line, and the command is one of this service."""
    read = configparser.RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    read.read(file)
    program, command = read["Service"]["ExecStart"].split()
    assert (program, command in main.commands) == (INSTALLED, True), "another command"
    assert int(read["Service"]["TimeoutStopSec"]) > config.SETTINGS["graceful_timeout_seconds"].load_default, "killed before"
    replace_text(file, INSTALLED, shutil.which("true"))  # it is not installed here
    done = run("systemd-analyze", "verify", str(file))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def check_hardened(file):
    done = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(file), LANG="C")
    assert done.returncode == 0, done.stdout[-200:]


@pytest.fixture
def file(deploy):
    return deploy / "systemd" / "delivery-risk.service"


@pytest.mark.parametrize("check", [check_unit, check_hardened])
def test_the_unit_is_valid_and_hardened(check, file):
    check(file)


FAULTS = {
    "an unknown key": (check_unit, "RestartSec", "RestartSecs", "Unknown key"),
    "an unknown value": (check_unit, "KillMode=mixed", "KillMode=some", "Failed to parse"),
    "another command": (check_unit, "delivery-risk serve", "delivery-risk run", "another command"),
    "too little time to stop": (check_unit, "TimeoutStopSec=40", "TimeoutStopSec=30", "killed before"),
    "root": (check_hardened, "User=delivery-risk\n", "User=root\n", "exposure level"),
    "a writable system": (check_hardened, "ProtectSystem=strict\n", "", "exposure level"),
    "all capabilities": (check_hardened, "CapabilityBoundingSet=\n", "", "exposure level"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_unit_is_detected(file, fault):
    check, old, new, message = FAULTS[fault]
    replace_text(file, old, new)
    with pytest.raises(AssertionError, match=message):
        check(file)
