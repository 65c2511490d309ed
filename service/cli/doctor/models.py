"""Models: the settings of this environment, and whether what they lead to can be served."""

import os
from collections.abc import Iterator

from model.core.activations import PORTABLE
from model.core.risk_model import RiskModel
from model.errors import DigestMismatch, ModelError, SelfTestFailed, Unreadable
from model.registry import loader, references, versions
from schemas.files.row import RESERVED_NAMES
from service import config
from service.cli.doctor.finding import Finding, Patient, fail, ok
from service.cli.model_errors import said
from service.config import Settings

_ONE_THAT_RUNS = "until then no service can start; one that runs goes on with what it serves"


def settings(patient: Patient) -> Iterator[Finding]:
    """Every variable that cannot be used."""
    try:
        config.load(patient.environ)
    except config.SettingsError as error:
        for name, reason in sorted(error.faults.items()):
            yield fail(f"{name}: {reason}", "correct it, or unset it")
    else:
        count = sum(name.startswith(config.PREFIX) for name in patient.environ)
        yield ok(f"{count} variables set, all of them known and sound")


def model(patient: Patient) -> Iterator[Finding]:
    """The model loads, or the current version of the store does."""
    found = _load(patient.settings)
    if isinstance(found, RiskModel):
        yield ok(f"{_named(found)} (sha256 {found.sha256})")
    elif not isinstance(found, SelfTestFailed):
        yield fail(said(patient.settings.model, found), _advice(patient.settings, found))


def self_test(patient: Patient) -> Iterator[Finding]:
    """The model gives its own orders the scores that its file says."""
    found = _load(patient.settings)
    if isinstance(found, SelfTestFailed):
        yield fail(said(patient.settings.model, found), f"{_advice(patient.settings, found)}; see `arithmetic`")
    elif isinstance(found, RiskModel):
        exact = PORTABLE.issuperset(found.manifest.activations)
        count = len(found.manifest.self_test.orders)
        yield ok(f"{count} orders get the file's scores, to {'the last bit' if exact else '1e-12'}")


def challenger(patient: Patient) -> Iterator[Finding]:
    """A version that the store wants tried beside the current one is sound and takes the same features."""
    directory = patient.settings.model
    if not os.path.isdir(directory):
        return
    try:
        wanted = versions.challenger(directory)
        if wanted is None:
            yield ok("none is tried beside the current version")
            return
        tried, champion = versions.load(directory, wanted, reserved=RESERVED_NAMES), _load(patient.settings)
        if isinstance(champion, RiskModel):
            versions.require_same_features(champion, tried)
        yield ok(f"{_named(tried)} (sha256 {tried.sha256})")
    except ModelError as error:
        advice = f"try a sound version, or none: delivery-risk model challenge --none --in {directory}"
        yield fail(said(directory, error), advice)


def _load(settings: Settings) -> RiskModel | ModelError:
    try:
        return loader.load(settings.model, settings.model_sha256, reserved=RESERVED_NAMES)
    except ModelError as error:
        return error


def _advice(settings: Settings, error: ModelError) -> str:
    """What to do about a model that cannot be served, and in a store what is served as long as that is not done."""
    directory = settings.model
    if not os.path.isdir(directory):
        return f"put a sound model file there, or set {config.variable('model')}"
    if isinstance(error, Unreadable) and error.location == references.CURRENT:
        return f"make it a file that can be read; {_ONE_THAT_RUNS}"
    if isinstance(error, DigestMismatch) and error.location.startswith(references.CURRENT):
        return f"promote the version of that digest, or unset {config.variable('model_sha256')}; {_ONE_THAT_RUNS}"
    try:
        good = loader.last_valid(directory, settings.model_sha256, reserved=RESERVED_NAMES)
    except ModelError:
        which = f"VERSION --in {directory} (`delivery-risk model list --in {directory}` tells which are)"
        return f"promote one that is sound: delivery-risk model promote {which}; {_ONE_THAT_RUNS}"
    which = f"{good.manifest.version} --in {directory}"
    return f"promote one that is sound: delivery-risk model promote {which}; until then {_named(good)} is served"


def _named(model: RiskModel) -> str:
    return f"{model.manifest.name} {model.manifest.version}"
