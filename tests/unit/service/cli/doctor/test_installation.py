import sys
from importlib import metadata

import numpy as np
import pytest

from model.core.exponential import exp
from service import config
from service.cli.doctor import installation
from service.cli.doctor.finding import Patient, fail, ok
from service.version import VERSION
from tests.oracle import portable_exp, portable_sigmoid

PATIENT = Patient({}, config.load({}))
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"


@pytest.fixture
def requires(monkeypatch):
    """Have the distribution require this."""

    def requires(*texts):
        monkeypatch.setattr(metadata, "requires", lambda _: list(texts))

    return requires


def test_the_python_that_runs_is_one_that_is_required():
    (found,) = installation.python(PATIENT)
    assert found == ok(f"delivery-risk {VERSION} on Python {PYTHON}")


def test_a_python_that_is_too_old_fails(monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "3.10.4")
    (found,) = installation.python(PATIENT)
    assert found == fail(f"delivery-risk {VERSION} on Python 3.10.4, which is not >=3.11", "install it with a Python >=3.11")


def test_the_dependencies_are_as_required():
    (found,) = installation.dependencies(PATIENT)
    assert found.verdict == "ok"


def test_a_dependency_that_is_missing_or_too_old_fails_by_its_name(requires):
    requires("numpy>=9000", "no-such-thing>=1", "click>=8", 'nothing-either; extra == "docs"')
    numpy = metadata.version("numpy")
    assert list(installation.dependencies(PATIENT)) == [
        fail(f"numpy>=9000 is required, but {numpy} is installed", 'pip install "numpy>=9000"'),
        fail("no-such-thing>=1 is required, but not installed", 'pip install "no-such-thing>=1"'),
    ]


@pytest.mark.parametrize(
    ("needed", "verdict", "said"),
    [
        (["click>=8"], "ok", "docs is installed"),
        (["no-such-thing"], "ok", "docs is not installed, and may be left out"),
        (["click>=8", "no-such-thing"], "FAIL", "docs: no-such-thing is required, but not installed"),
        (["click>=9000"], "FAIL", "docs: click>=9000 is required, but"),
    ],
)
def test_an_extra_is_there_as_required_or_not_at_all(requires, needed, verdict, said):
    requires("numpy", *(f'{each}; extra == "docs"' for each in needed), 'no-test; extra == "test"')
    (found,) = (each for each in installation.extras(PATIENT) if each.found.startswith("docs"))
    assert (found.verdict, found.found.startswith(said)) == (verdict, True)


def test_gunicorn_is_told_by_its_version():
    assert list(installation.gunicorn(PATIENT)) == [ok(f"gunicorn {metadata.version('gunicorn')}")]


def test_a_gunicorn_that_cannot_be_imported_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, "gunicorn.workers.gthread", None)
    (found,) = installation.gunicorn(PATIENT)
    assert (found.verdict, "ModuleNotFoundError" in found.found) == ("FAIL", True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--bogus", "unrecognized arguments: --bogus"),
        ("--threads x", "argument --threads: invalid int value: 'x'"),
        ("-c other.py", "--config cannot be taken here"),
        ("--worker-class gthread", "gunicorn's --worker-class cannot be another"),
        ("--worker-class nosuch", "nosuch"),
        ("--threads 4", "gunicorn's --threads must be over DELIVERY_RISK_MAX_CONCURRENT"),
        ("--log-level debug", "gunicorn's --log-level does nothing here: set DELIVERY_RISK_LOG_LEVEL"),
        ("--graceful-timeout=-3", "Value must be positive"),
    ],
)
def test_arguments_that_serve_would_not_start_with_fail(arguments, said, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    (_, found) = installation.gunicorn(Patient({"GUNICORN_CMD_ARGS": arguments}, PATIENT.settings))
    assert (found.verdict, said in found.found) == ("FAIL", True), found


@pytest.mark.parametrize(
    ("given", "verdicts", "said"),
    [
        ({}, ["ok"], "no spans are wanted"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, ["ok"], "spans can be exported"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            ["warn", "ok"],
            "http/protobuf: OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_MAX_QUEUE_SIZE": "10"},
            ["warn"],
            "no spans are exported: OpenTelemetry refuses its variables",
        ),
    ],
)
def test_it_is_told_whether_spans_are_exported(given, verdicts, said, monkeypatch):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = list(installation.traces(Patient(given, PATIENT.settings)))
    assert [each.verdict for each in found] == verdicts
    assert said in found[0].found


def test_spans_that_are_wanted_without_the_extra_are_warned_of(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (found,) = installation.traces(Patient({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, PATIENT.settings))
    assert (found.verdict, found.found) == ("warn", "no spans are exported: the extra otel is not installed")


def test_gunicorns_own_variable_is_warned_of():
    _, found = installation.gunicorn(Patient({"GUNICORN_CMD_ARGS": "--workers 9"}, PATIENT.settings))
    assert (found.verdict, found.found) == ("warn", "GUNICORN_CMD_ARGS is set and has the last word")


def test_arithmetic_is_exact_here():
    assert list(installation.arithmetic(PATIENT)) == [ok("40 results to the last bit")]


def test_the_committed_bits_are_the_oracles():
    for row in installation._BITS:
        x, exponential, sigmoid = map(float.fromhex, row)
        assert (exponential, sigmoid) == (portable_exp(x), portable_sigmoid(x))


@pytest.mark.parametrize("size", [1, 24])
def test_a_single_bit_in_one_way_of_computing_fails(monkeypatch, size):
    def nearly(x):
        exact = exp(x)
        return np.nextafter(exact, np.inf) if x.size == size else exact

    monkeypatch.setattr(installation, "exp", nearly)
    (found,) = installation.arithmetic(PATIENT)
    assert (found.verdict, found.found) == ("FAIL", "10 of 40 results have other bits than everywhere else")
