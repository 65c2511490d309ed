"""The doctor as a command: what it prints, its exit code, and that every check runs although another fails."""

import pytest

from model.registry import versions
from service.cli.doctor import CHECKS
from service.cli.doctor.finding import ok, warn
from tests.bearer_tokens import GOOD, line
from tests.registries import publish


@pytest.fixture
def doctor(run, monkeypatch):
    """Run the doctor under these variables; these checks, if any, in place of its own."""
    monkeypatch.setenv("DELIVERY_RISK_BIND", "127.0.0.1:0")

    def doctor(*checks, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        for name in list(CHECKS) if checks else ():
            monkeypatch.delitem(CHECKS, name)
        for name, check in checks:
            monkeypatch.setitem(CHECKS, name, check)
        return run("doctor")

    return doctor


def test_a_valid_installation_has_a_line_for_each_check_and_exit_code_0(doctor):
    done = doctor()
    *lines, summary = done.stdout.splitlines()
    assert done.exit_code == 0, done.stdout
    assert {line.split()[1] for line in lines} == set(CHECKS) - {"files", "challenger"}
    assert summary.endswith(" 0 failed")
    assert "warn  model        delivery-risk 1.0.0 (sha256 bbaa35ef" in done.stdout


def test_an_installation_with_registry_drain_file_and_tokens_is_valid(doctor, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "tokens").write_text(line(GOOD))
    publish(tmp_path / "models", "1")
    versions.promote("1", tmp_path / "models")
    done = doctor(
        DELIVERY_RISK_MODEL=tmp_path / "models",
        DELIVERY_RISK_DRAIN_FILE=tmp_path / "run" / "drain",
        DELIVERY_RISK_TOKENS_FILE=tmp_path / "tokens",
    )
    assert done.exit_code == 0, done.stdout
    assert {each.split()[1] for each in done.stdout.splitlines()[:-1]} == set(CHECKS)


def test_every_invalid_setting_is_named_and_the_other_checks_run(doctor):
    done = doctor(DELIVERY_RISK_THREADS="SECRET", DELIVERY_RISK_MODL="SECRET", WEB_CONCURRENCY="none")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL  settings")]
    assert [line.split()[2] for line in failed] == ["DELIVERY_RISK_MODL:", "DELIVERY_RISK_THREADS:", "WEB_CONCURRENCY:"]
    assert all(line.endswith("; correct it, or unset it") for line in failed)
    assert (done.exit_code, "SECRET" in done.stdout) == (1, False)
    assert "warn  model        delivery-risk 1.0.0" in done.stdout


RAISED = "the check failed unexpectedly (ZeroDivisionError: division by zero); report it"


@pytest.mark.parametrize(
    ("check", "code", "lines"),
    [
        (lambda _: [warn("odd", "look")], 0, ["warn  first        odd; look", "1 ok, 1 warnings, 0 failed"]),
        (lambda _: iter([1 / 0]), 1, [f"FAIL  first        {RAISED}", "1 ok, 0 warnings, 1 failed"]),
    ],
)
def test_a_warning_is_not_a_failure_and_a_check_that_raises_is_one_and_the_others_run(doctor, check, code, lines):
    done = doctor(("first", check), ("fine", lambda _: [ok("well")]))
    assert (done.exit_code, done.stdout.splitlines()) == (code, [lines[0], "ok    fine         well", lines[1]])
