"""The installed software: Python, the required distributions, gunicorn, OpenTelemetry, and the bits that they compute."""

import importlib
import io
import platform
from collections.abc import Iterator
from contextlib import redirect_stderr
from importlib import metadata

import numpy as np
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from model.core.activations import HEADS
from model.core.exponential import FEW, exp
from service.cli.doctor.finding import Finding, Installation, fail, ok, warn
from service.config import Settings
from service.telemetry import tracing
from service.version import VERSION

_NAME = "delivery-risk"
# A number, its exponential and its sigmoid, from the plain-float oracle of the tests.
_BITS = (
    ("-0x1.6a66666666666p+5", "0x1.909235c720956p-66", "0x1.909235c720956p-66"),
    ("-0x1.3f33333333333p+5", "0x1.5a7104ddea036p-58", "0x1.5a7104ddea036p-58"),
    ("-0x1.e000000000000p+1", "0x1.81509354f0d2ap-6", "0x1.78761313f225ap-6"),
    ("-0x1.62d0e56041893p-2", "0x1.6a10b883d5676p-1", "0x1.a82c47ed6c080p-2"),
    ("0x1.12e0be826d695p-30", "0x1.000000044b830p+0", "0x1.0000000225c18p-1"),
    ("0x1.999999999999ap-4", "0x1.1aec7b35a00d4p+0", "0x1.0cca12729afb8p-1"),
    ("0x1.0000000000000p+0", "0x1.5bf0a8b14576ap+1", "0x1.764d4f5d5a2bdp-1"),
    ("0x1.5bf0a8b145769p+1", "0x1.e4efb75e4527ap+3", "0x1.e04e3a60de19cp-1"),
    ("0x1.3c0ca4588f633p+3", "0x1.30313bc1f0219p+14", "0x1.fff9448c1c09cp-1"),
    ("0x1.0a66666666666p+5", "0x1.078401f5a3ec8p+48", "0x1.fffffffffffe0p-1"),
)
_TINY = 2.0**-1024  # subnormal; four times as much is the least normal number
_COUNTS = (1, 2 * FEW)  # few numbers and many are computed in different ways


def python(_: Installation) -> list[Finding]:
    """This Python is one that the distribution supports."""
    required, version = metadata.metadata(_NAME)["Requires-Python"], platform.python_version()
    found = f"{_NAME} {VERSION} on Python {version}"
    if SpecifierSet(required).contains(version, prereleases=True):
        return [ok(found)]
    return [fail(f"{found}, which is not {required}", f"install it with a Python {required}")]


def dependencies(_: Installation) -> list[Finding]:
    """Every distribution that is required without an extra is installed as required."""
    required = _required()
    faults = [fail(fault, f'pip install "{each.name}{each.specifier}"') for each in required if (fault := _fault(each))]
    return faults or [ok(f"{len(required)} of {len(required)} distributions as required")]


def extras(_: Installation) -> Iterator[Finding]:
    """Every extra is installed as required, or not at all."""
    for extra in metadata.metadata(_NAME).get_all("Provides-Extra") or []:
        if extra == "test":
            continue
        required = _required(extra)
        if not any(map(_version, required)):
            yield ok(f"{extra} is not installed, and is optional")
        elif faults := list(filter(None, map(_fault, required))):
            yield fail(f"{extra}: {', '.join(faults)}", f'pip install "{_NAME}[{extra}]"')
        else:
            yield ok(f"{extra} is installed")


def gunicorn(installation: Installation) -> Iterator[Finding]:
    """gunicorn can be imported, and its own variable contradicts no setting."""
    try:
        for name in ("gunicorn.app.base", "gunicorn.workers.gthread"):
            importlib.import_module(name)
    except Exception as error:  # also of gunicorn's own variables
        yield fail(f"cannot be imported ({type(error).__name__}: {error})", "install gunicorn again")
        return
    yield ok(f"gunicorn {metadata.version('gunicorn')}")
    if installation.environ.get("GUNICORN_CMD_ARGS"):
        faults = [fail(f"GUNICORN_CMD_ARGS: {fault}", "correct it, or unset it") for fault in _conflicts(installation.settings)]
        advice = "check that it does not change bind or workers"
        yield from faults or [warn("GUNICORN_CMD_ARGS is set and overrides the settings", advice)]


def traces(installation: Installation) -> Iterator[Finding]:
    """Spans can be exported as OpenTelemetry's variables say, or no export is configured."""
    for fault in tracing.unsupported(installation.environ):
        yield warn(fault, "configure the collector and the callers accordingly")
    try:
        provider = tracing.exporting(installation.environ)
    except tracing.NotExported as error:
        yield warn(f"no spans are exported: {error}", f"correct it, or unset {' and '.join(tracing.ENDPOINTS)}")
        return
    if provider is not None:
        provider.shutdown()
    yield ok("no span export is configured" if provider is None else "spans can be exported")


def arithmetic(_: Installation) -> list[Finding]:
    """Tiny numbers are not taken as 0; exponential and sigmoid of a number have the committed bits, alone and among many."""
    if any(not (np.full(count, _TINY) * 4).all() or not (np.full(count, 4 * _TINY) / 4).all() for count in _COUNTS):
        advice = "find the library that has it do so, mostly one compiled with -ffast-math, and remove it"
        return [fail("the processor takes numbers below 2.2e-308 as 0 (flush to zero)", advice)]
    wrong = 0
    for x, *expected in ([float.fromhex(text) for text in row] for row in _BITS):
        for count in _COUNTS:
            for function, bits in zip((exp, HEADS["sigmoid"]), expected, strict=True):
                wrong += set(function(np.full((1, count), x)).ravel().tolist()) != {bits}
    results = 2 * len(_COUNTS) * len(_BITS)
    if not wrong:
        return [ok(f"{results} results to the last bit")]
    advice = "do not compare scores of this machine with others: report its processor, Python and NumPy"
    return [fail(f"{wrong} of {results} results have other bits than on other machines", advice)]


def _conflicts(settings: Settings) -> Iterator[str]:
    """Why the service would not start with gunicorn's own variable."""
    from gunicorn.config import Config

    from service.server.configuration import configuration, conflicts, overrides

    cfg, printed = Config(), io.StringIO()
    try:
        with redirect_stderr(printed):
            given = configuration(settings)
            for name, value in (given | overrides(cfg)).items():
                cfg.set(name, value)
            yield from conflicts(cfg, settings, given)
    except SystemExit:
        yield printed.getvalue().strip().rpartition("error: ")[2]
    except Exception as error:  # gunicorn raises many types for invalid values
        yield str(error)


def _required(extra: str = "") -> list[Requirement]:
    """What is required without an extra or, given one, what it adds."""
    every = list(map(Requirement, metadata.requires(_NAME) or []))
    always = [each for each in every if each.marker is None or each.marker.evaluate({"extra": ""})]
    added = [each for each in every if each not in always and each.marker and each.marker.evaluate({"extra": extra})]
    return added if extra else always


def _fault(required: Requirement) -> str | None:
    version = _version(required)
    if version and required.specifier.contains(version, prereleases=True):
        return None
    state = f"{version} is installed" if version else "not installed"
    return f"{required.name}{required.specifier} is required, but {state}"


def _version(required: Requirement) -> str | None:
    try:
        return metadata.version(required.name)
    except metadata.PackageNotFoundError:
        return None
