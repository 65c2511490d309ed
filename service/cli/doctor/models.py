"""The model, or the registry, that the settings name: whether it can be served."""

import os
from collections.abc import Iterator

from model.core.activations import PORTABLE
from model.core.risk_model import RiskModel
from model.errors import DigestMismatch, ModelError, SelfTestFailed, Unreadable
from model.registry import loader, references, versions
from schemas.files.row import RESERVED_NAMES
from service import config
from service.cli.doctor.finding import Finding, Installation, fail, ok
from service.cli.loading import identity, message
from service.config import Settings

_NONE_SERVED = "until then no service can start; running services keep their model"


def model(installation: Installation) -> Iterator[Finding]:
    """The model, or the registry's current version, can be loaded. A failed self-test is reported by its own check."""
    found = _load(installation.settings)
    if isinstance(found, RiskModel):
        yield ok(identity(found))
    elif not isinstance(found, SelfTestFailed):
        yield fail(message(installation.settings.model, found), _advice(installation.settings, found))


def self_test(installation: Installation) -> Iterator[Finding]:
    """The model gives the orders in its file the scores in its file."""
    found = _load(installation.settings)
    if isinstance(found, SelfTestFailed):
        advice = f"{_advice(installation.settings, found)}; see `arithmetic`"
        yield fail(message(installation.settings.model, found), advice)
    elif isinstance(found, RiskModel):
        exact = PORTABLE.issuperset(found.manifest.activations)
        count = len(found.manifest.self_test.orders)
        yield ok(f"{count} orders get the file's scores, to {'the last bit' if exact else '1e-12'}")


def challenger(installation: Installation) -> Iterator[Finding]:
    """The registry's challenger, if any, is valid and takes the same features as the current version."""
    directory = installation.settings.model
    if not os.path.isdir(directory):
        return
    try:
        reference = versions.challenger(directory)
        if reference is None:
            yield ok("none is tried beside the current version")
            return
        tried, champion = versions.load(directory, reference, reserved=RESERVED_NAMES), _load(installation.settings)
        if isinstance(champion, RiskModel):
            versions.require_same_features(champion, tried)
        yield ok(identity(tried))
    except ModelError as error:
        advice = f"try a valid version, or none: delivery-risk model challenge --none --in {directory}"
        yield fail(message(directory, error), advice)


def _load(settings: Settings) -> RiskModel | ModelError:
    try:
        return loader.load(settings.model, settings.model_sha256, reserved=RESERVED_NAMES)
    except ModelError as error:
        return error


def _advice(settings: Settings, error: ModelError) -> str:
    """What to do about a model that cannot be served and, for a registry, what is served until then."""
    directory = settings.model
    if not os.path.isdir(directory):
        return f"put a valid model file there, or set {config.variable('model')}"
    if isinstance(error, Unreadable) and error.location == references.CURRENT:
        return f"make it a readable file; {_NONE_SERVED}"
    if isinstance(error, DigestMismatch) and error.location.startswith(references.CURRENT):
        return f"promote the version of that digest, or unset {config.variable('model_sha256')}; {_NONE_SERVED}"
    promote = "promote a valid version: delivery-risk model promote"
    try:
        valid = loader.last_valid(directory, settings.model_sha256, reserved=RESERVED_NAMES).manifest
    except ModelError:
        return f"{promote} VERSION --in {directory} (`delivery-risk model list --in {directory}` shows them); {_NONE_SERVED}"
    return f"{promote} {valid.version} --in {directory}; until then {valid.name} {valid.version} is served"
