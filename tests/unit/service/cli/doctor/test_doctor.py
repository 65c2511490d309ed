"""The doctor as a command: what it prints, its exit code, and that no check keeps the others from speaking."""

import subprocess
import sys
from pathlib import Path

import pytest

from model.registry import versions
from service.cli.doctor import CHECKS
from service.cli.doctor.finding import ok, warn
from tests.bearer_tokens import GOOD, line
from tests.facts import ROOT
from tests.registries import publish


@pytest.fixture
def examine(run, monkeypatch):
    """Run the doctor under these variables."""
    monkeypatch.setenv("DELIVERY_RISK_BIND", "127.0.0.1:0")

    def examine(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return run("doctor")

    return examine


def test_a_sound_installation_has_a_line_for_each_check_and_exit_code_0(examine):
    done = examine()
    *lines, summary = done.stdout.splitlines()
    assert done.exit_code == 0, done.stdout
    names = [line.split()[1] for line in lines]
    assert set(names) == set(CHECKS) - {"files", "challenger"}
    assert summary.endswith(" 0 failed")
    assert "ok    model        delivery-risk 1.0.0 (sha256 bbaa35ef" in done.stdout


def test_an_installation_as_a_pod_has_it_is_well(examine, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "tokens").write_text(line(GOOD))
    publish(tmp_path / "models", "1")
    versions.promote("1", tmp_path / "models")
    done = examine(
        DELIVERY_RISK_MODEL=str(tmp_path / "models"),
        DELIVERY_RISK_DRAIN_FILE=str(tmp_path / "run" / "drain"),
        DELIVERY_RISK_TOKENS_FILE=str(tmp_path / "tokens"),
    )
    assert done.exit_code == 0, done.stdout
    assert {each.split()[1] for each in done.stdout.splitlines()[:-1]} == set(CHECKS)


def test_every_faulty_setting_is_told_at_once_and_the_other_checks_go_on(examine):
    done = examine(DELIVERY_RISK_THREADS="SECRET", DELIVERY_RISK_MODL="SECRET", WEB_CONCURRENCY="none")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL  settings")]
    assert [line.split()[2] for line in failed] == ["DELIVERY_RISK_MODL:", "DELIVERY_RISK_THREADS:", "WEB_CONCURRENCY:"]
    assert all(line.endswith("; correct it, or unset it") for line in failed)
    assert (done.exit_code, "SECRET" in done.stdout) == (1, False)
    assert "ok    model        delivery-risk 1.0.0" in done.stdout


@pytest.fixture
def checks(monkeypatch):
    """Have the doctor make these checks alone."""

    def checks(**given):
        for name in list(CHECKS):
            monkeypatch.delitem(CHECKS, name)
        for name, check in given.items():
            monkeypatch.setitem(CHECKS, name, check)

    return checks


def test_a_warning_does_not_fail(examine, checks):
    checks(fine=lambda _: iter([ok("well")]), odd=lambda _: iter([warn("odd", "look")]))
    done = examine()
    assert (done.exit_code, done.stdout) == (
        0,
        "ok    fine         well\nwarn  odd          odd; look\n1 ok, 1 warnings, 0 failed\n",
    )


def test_a_check_that_breaks_off_fails_and_the_others_go_on(examine, checks):
    checks(broken=lambda _: iter([1 / 0]), fine=lambda _: iter([ok("well")]))
    done = examine()
    assert done.exit_code == 1
    assert done.stdout.splitlines()[:2] == [
        "FAIL  broken       the check broke off (ZeroDivisionError: division by zero); report it",
        "ok    fine         well",
    ]


def test_a_gunicorn_that_cannot_start_for_a_variable_is_told(tmp_path):
    command = [str(Path(sys.executable).with_name("delivery-risk")), "doctor"]
    environment = {"PATH": "/usr/bin:/bin", "WEB_CONCURRENCY": "none", "DELIVERY_RISK_BIND": "127.0.0.1:0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "FAIL  gunicorn     cannot be imported (ValueError" in done.stdout
