import ctypes
import mmap
import platform
import sys
from importlib import metadata

import numpy as np
import pytest

from model.core.exponential import exp
from service import config
from service.cli.doctor import software
from service.cli.doctor.finding import Installation, fail, ok
from service.version import VERSION
from tests.oracle import portable_exp, portable_sigmoid

INSTALLATION = Installation({}, config.load({}))
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


def found(check, monkeypatch, environ):
    """The findings of a check in this environment."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return list(check(Installation(environ, INSTALLATION.settings)))


@pytest.fixture
def requires(monkeypatch):
    """Let the distribution require this."""
    return lambda *texts: monkeypatch.setattr(metadata, "requires", lambda _: list(texts))


def test_python_must_be_a_supported_version(monkeypatch):
    assert software.python(INSTALLATION) == [ok(f"delivery-risk {VERSION} on Python {platform.python_version()}")]
    monkeypatch.setattr("platform.python_version", lambda: "3.10.4")
    old = f"delivery-risk {VERSION} on Python 3.10.4, which is not >=3.11"
    assert software.python(INSTALLATION) == [fail(old, "install it with a Python >=3.11")]


def test_a_dependency_that_is_missing_or_too_old_fails_by_its_name(requires):
    assert [finding.verdict for finding in software.dependencies(INSTALLATION)] == ["ok"]
    requires("numpy>=9000", "no-such-thing>=1", "click>=8", 'nothing-either; extra == "docs"')
    installed = f"numpy>=9000 is required, but {metadata.version('numpy')} is installed"
    assert software.dependencies(INSTALLATION) == [
        fail(installed, 'pip install "numpy>=9000"'),
        fail("no-such-thing>=1 is required, but not installed", 'pip install "no-such-thing>=1"'),
    ]


@pytest.mark.parametrize(
    ("required", "verdict", "text"),
    [
        (["click>=8"], "ok", "otel is installed"),
        (["no-such-thing"], "ok", "otel is not installed, and is optional"),
        (["click>=8", "no-such-thing"], "FAIL", "otel: no-such-thing is required, but not installed"),
        (["click>=9000"], "FAIL", "otel: click>=9000 is required, but"),
    ],
)
def test_an_extra_is_installed_as_required_or_not_at_all(requires, required, verdict, text):
    requires("numpy", *(f'{each}; extra == "otel"' for each in required), 'no-test; extra == "test"')
    (finding,) = (each for each in software.extras(INSTALLATION) if each.found.startswith("otel"))
    assert (finding.verdict, finding.found.startswith(text)) == (verdict, True)


def test_gunicorn_must_be_importable(monkeypatch):
    assert list(software.gunicorn(INSTALLATION)) == [ok(f"gunicorn {metadata.version('gunicorn')}")]
    monkeypatch.setitem(sys.modules, "gunicorn.workers.gthread", None)
    (finding,) = software.gunicorn(INSTALLATION)
    assert (finding.verdict, "ModuleNotFoundError" in finding.found) == ("FAIL", True)


@pytest.mark.parametrize(
    ("arguments", "verdict", "text"),
    [
        ("--workers 9", "warn", "GUNICORN_CMD_ARGS is set and overrides the settings"),
        ("--bogus", "FAIL", "unrecognized arguments: --bogus"),
        ("--threads x", "FAIL", "argument --threads: invalid int value: 'x'"),
        ("-c other.py", "FAIL", "--config cannot be"),
        ("--worker-class gthread", "FAIL", "gunicorn's --worker-class cannot be"),
        ("--worker-class nosuch", "FAIL", "nosuch"),
        ("--threads 4", "FAIL", "gunicorn's --threads must be over DELIVERY_RISK_MAX_CONCURRENT"),
        ("--log-level debug", "FAIL", "set DELIVERY_RISK_LOG_LEVEL"),
        ("--graceful-timeout=-3", "FAIL", "Value must be positive"),
    ],
)
def test_gunicorns_own_variable_is_a_warning_and_fails_if_serve_would_not_start(arguments, verdict, text, monkeypatch):
    _, finding = found(software.gunicorn, monkeypatch, {"GUNICORN_CMD_ARGS": arguments})
    assert (finding.verdict, text in finding.found) == (verdict, True), finding


@pytest.mark.parametrize(
    ("environ", "installed", "verdicts", "text"),
    [
        ({}, True, ["ok"], "no span export is configured"),
        (COLLECTOR, True, ["ok"], "spans can be exported"),
        (COLLECTOR, False, ["warn"], "no spans are exported: the extra otel is not installed"),
        (COLLECTOR | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True, ["warn", "ok"], "OTEL_EXPORTER_OTLP_PROTOCOL"),
        (COLLECTOR | {"OTEL_BSP_MAX_QUEUE_SIZE": "10"}, True, ["warn"], "no spans are exported: OpenTelemetry "),
    ],
)
def test_it_reports_whether_spans_are_exported(environ, installed, verdicts, text, monkeypatch):
    if not installed:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    findings = found(software.traces, monkeypatch, environ)
    assert [each.verdict for each in findings] == verdicts
    assert text in findings[0].found


def test_the_committed_bits_are_those_of_the_oracle_and_of_this_machine():
    for row in software._BITS:
        x, exponential, sigmoid = map(float.fromhex, row)
        assert (exponential, sigmoid) == (portable_exp(x), portable_sigmoid(x))
    assert software.arithmetic(INSTALLATION) == [ok("40 results to the last bit")]


@pytest.fixture
def set_mode():
    """Set the floating-point mode of this thread's processor, as a library compiled with -ffast-math does."""
    if platform.machine() != "x86_64":
        pytest.skip("written for x86-64")
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as code:
        code.write(bytes.fromhex("0f ae 17 c3"))  # ldmxcsr [rdi]; ret
        place = ctypes.c_char.from_buffer(code)
        call = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint32))(ctypes.addressof(place))
        yield lambda mode: call(ctypes.byref(ctypes.c_uint32(mode)))
        call(ctypes.byref(ctypes.c_uint32(0x1F80)))
        del place


@pytest.mark.parametrize("mode", [0x8000, 0x0040], ids=["results", "operands"])
def test_tiny_numbers_that_are_taken_as_0_fail(set_mode, mode):
    set_mode(0x1F80 | mode)
    (finding,) = software.arithmetic(INSTALLATION)
    set_mode(0x1F80)
    assert (finding.verdict, "(flush to zero)" in finding.found) == ("FAIL", True)


@pytest.mark.parametrize("size", [1, 24])
def test_one_wrong_bit_in_one_way_of_computing_fails(monkeypatch, size):
    def nearly(x, exact=exp):
        return np.nextafter(exact(x), np.inf) if x.size == size else exact(x)

    monkeypatch.setattr(software, "exp", nearly)
    (finding,) = software.arithmetic(INSTALLATION)
    assert (finding.verdict, finding.found) == ("FAIL", "10 of 40 results have other bits than on other machines")
