"""Installation: what is installed here, held against what the distribution says it needs, and whether it computes exactly."""

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
from service.cli.doctor.finding import Finding, Patient, fail, ok, warn
from service.config import Settings
from service.telemetry import tracing
from service.version import VERSION

_NAME = "delivery-risk"
_FOR_TESTS = "test"
_MODULES = ("gunicorn.app.base", "gunicorn.workers.gthread")
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
_SEVERAL = 2 * FEW


def python(_: Patient) -> Iterator[Finding]:
    """This Python against the one that the distribution requires."""
    needed, version = metadata.metadata(_NAME)["Requires-Python"], platform.python_version()
    found = f"{_NAME} {VERSION} on Python {version}"
    if SpecifierSet(needed).contains(version, prereleases=True):
        yield ok(found)
    else:
        yield fail(f"{found}, which is not {needed}", f"install it with a Python {needed}")


def dependencies(_: Patient) -> Iterator[Finding]:
    """Every distribution that is required without any extra."""
    needed = _needed("")
    wrong = [each for each in needed if not _is_as_required(each)]
    for each in wrong:
        yield fail(_said(each), f'pip install "{each.name}{each.specifier}"')
    if not wrong:
        yield ok(f"{len(needed)} of {len(needed)} distributions as required")


def extras(_: Patient) -> Iterator[Finding]:
    """What an extra brings is there as required, or not at all."""
    for extra in metadata.metadata(_NAME).get_all("Provides-Extra") or []:
        needed = _needed(extra)
        wrong = [each for each in needed if not _is_as_required(each)]
        if extra == _FOR_TESTS:
            continue
        if not any(_version(each.name) for each in needed):
            yield ok(f"{extra} is not installed, and may be left out")
        elif wrong:
            yield fail(f"{extra}: {', '.join(map(_said, wrong))}", f'pip install "{_NAME}[{extra}]"')
        else:
            yield ok(f"{extra} is installed")


def gunicorn(patient: Patient) -> Iterator[Finding]:
    """The server can be imported, and nothing but the settings configures it."""
    try:
        for name in _MODULES:
            importlib.import_module(name)
    except Exception as error:  # whatever stands in a module of that name, or in gunicorn's own variables
        yield fail(f"cannot be imported ({type(error).__name__}: {error})", "install gunicorn anew")
        return
    yield ok(f"gunicorn {metadata.version('gunicorn')}")
    if patient.environ.get("GUNICORN_CMD_ARGS"):
        wrong = list(_wrong_arguments(patient.settings))
        for said in wrong:
            yield fail(f"GUNICORN_CMD_ARGS: {said}", "mend it or take it away")
        if not wrong:
            advice = "what is checked here are the settings; see that it does not say otherwise of bind or workers"
            yield warn("GUNICORN_CMD_ARGS is set and has the last word", advice)


def _wrong_arguments(settings: Settings) -> Iterator[str]:
    from gunicorn.config import Config

    from service.server import hooks
    from service.server.conflicts import conflicts, overrides

    cfg, said = Config(), io.StringIO()
    try:
        with redirect_stderr(said):
            for name, value in (hooks.configuration(settings) | overrides(cfg)).items():
                cfg.set(name, value)
            yield from conflicts(cfg, settings)
    except SystemExit:
        yield said.getvalue().strip().rpartition("error: ")[2]
    except Exception as error:  # as many kinds as gunicorn has of wrong values
        yield str(error)


def traces(patient: Patient) -> Iterator[Finding]:
    """Spans are exported as OpenTelemetry's variables want them, or none are wanted."""
    for said in tracing.unsupported(patient.environ):
        yield warn(said, "see that the collector, and whoever calls, do it so")
    try:
        provider = tracing.exporting(patient.environ)
    except tracing.NotExported as error:
        yield warn(f"no spans are exported: {error}", f"mend it, or unset {' and '.join(tracing.ENDPOINTS)}")
        return
    if provider is not None:
        provider.shutdown()
    yield ok("no spans are wanted" if provider is None else "spans can be exported")


def arithmetic(_: Patient) -> Iterator[Finding]:
    """Exponential and sigmoid have the committed bits here, for one number and for many at once."""
    wrong = 0
    for x, *expected in ([float.fromhex(text) for text in row] for row in _BITS):
        for count in (1, _SEVERAL):
            given = np.full((1, count), x)
            for function, bits in zip((exp, HEADS["sigmoid"]), expected, strict=True):
                wrong += set(function(given).ravel().tolist()) != {bits}
    results = 4 * len(_BITS)
    if wrong:
        said = f"{wrong} of {results} results have other bits than everywhere else"
        yield fail(said, "scores of this machine must not be compared: report its processor, Python and NumPy")
    else:
        yield ok(f"{results} results to the last bit")


def _needed(extra: str) -> list[Requirement]:
    """What is required with an extra but not without, or, where the extra has no name, without any."""
    every = [Requirement(text) for text in metadata.requires(_NAME) or []]
    alone = [each for each in every if each.marker is None or each.marker.evaluate({"extra": ""})]
    if not extra:
        return alone
    return [each for each in every if each not in alone and each.marker and each.marker.evaluate({"extra": extra})]


def _is_as_required(requirement: Requirement) -> bool:
    version = _version(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _said(requirement: Requirement) -> str:
    found = _version(requirement.name)
    needed = f"{requirement.name}{requirement.specifier} is required"
    return f"{needed}, but not installed" if found is None else f"{needed}, but {found} is installed"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
