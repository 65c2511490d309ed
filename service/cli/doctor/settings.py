"""The settings of this environment, and what they name: files, and the model or registry to serve."""

import os
import stat
from collections.abc import Callable, Iterator

from model import packaged
from model.core.activations import NOT_PORTABLE
from model.core.risk_model import RiskModel
from model.errors import DigestMismatch, ModelError, SelfTestFailed, Unreadable
from model.files import permissions, read
from model.registry import loader, references, versions
from schemas.files.row import reserved_names
from service import config
from service.auth import key_file, token_store, tokens
from service.cli.doctor.finding import Finding, Installation, fail, ok, warn
from service.cli.loading import identity, message
from service.cli.model.model_file import how_compared

_NONE_SERVED = "until then no service can start; running services keep their model"


def settings(installation: Installation) -> list[Finding]:
    """Every variable is a known setting with a valid value."""
    try:
        config.load(installation.environ)
    except config.SettingsError as error:
        return [fail(f"{name}: {reason}", "correct it, or unset it") for name, reason in sorted(error.faults.items())]
    return [ok(f"{sum(name.startswith(config.PREFIX) for name in installation.environ)} variables set, all valid")]


def files(installation: Installation) -> Iterator[Finding]:
    """Every file that a setting names is as it should be."""
    for name, check in FILES.items():
        path = getattr(installation.settings, name)
        if path is not None:
            yield check(config.variable(name), path)


def model(installation: Installation) -> Iterator[Finding]:
    """The model, or the registry's current version, can be loaded. A failed self-test is reported by its own check."""
    found = _load(installation.settings)
    if isinstance(found, RiskModel):
        advice = f"set {config.variable('model')} to a model of your own, or promote one"
        illustrative = warn(f"{identity(found)}: {packaged.WARNING}", advice)
        yield illustrative if found.manifest.illustrative else ok(identity(found))
    elif not isinstance(found, SelfTestFailed):
        yield fail(message(installation.settings.model, found), _advice(installation.settings, found))


def self_test(installation: Installation) -> Iterator[Finding]:
    """The model gives the orders in its file the scores in its file, which an import compared with its training script's."""
    found = _load(installation.settings)
    if isinstance(found, SelfTestFailed):
        advice = f"{_advice(installation.settings, found)}; see `arithmetic`"
        yield fail(message(installation.settings.model, found), advice)
    elif isinstance(found, RiskModel):
        exact = NOT_PORTABLE.isdisjoint(found.manifest.activations)
        count = len(found.manifest.self_test.orders)
        passed = f"{count} orders get the file's scores, to {'the last bit' if exact else '1e-12'}"
        how = f"{passed}; {how_compared(found.manifest)}"
        known = found.manifest.compared or found.manifest.illustrative
        yield ok(how) if known else warn(how, "import it again with --check and --expect")


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
        tried, champion = versions.load(directory, reference, reserved=reserved_names), _load(installation.settings)
        if isinstance(champion, RiskModel):
            versions.require_same_features(champion, tried)
        yield ok(identity(tried))
    except ModelError as error:
        advice = f"try a valid version, or none: delivery-risk model challenge --none --in {directory}"
        yield fail(message(directory, error), advice)


def _drain_file(name: str, path: str) -> Finding:
    """The file must not exist, except to drain the service, and can be created."""
    folder = os.path.dirname(path) or "."
    if os.path.exists(path):
        return warn(f"{name}: the file exists, so the service is draining", "remove it, unless the service is to stop")
    if not os.path.isdir(folder):
        return fail(f"{name}: its directory does not exist", "create it, or set the variable to a file in another directory")
    if not os.access(folder, os.W_OK | os.X_OK):
        advice = "check that the user who stops the service can write"
        return warn(f"{name}: its directory is not writable by this user", advice)
    return ok(f"{name}: the file can be created, and does not exist")


def _tokens_file(name: str, path: str) -> Finding:
    """The file is read as the service reads it; only the number of its tokens is printed."""
    try:
        return ok(f"{name} holds {len(tokens.parse(read(path, token_store.LIMIT)))} tokens")
    except ModelError as error:
        return fail(f"{name}: {error.reason}", "put the tokens there, in a file that the service's user can read")
    except tokens.BadTokens as error:
        return fail(f"{name}: {error}", "correct it; `delivery-risk token new` makes a line")


def _key_file(name: str, path: str) -> Finding:
    """The file is read as the service reads it. Who can read the key can do what it protects."""
    try:
        key_file.read(path)
        everybody = permissions(path) & stat.S_IROTH
    except key_file.BadKey as error:
        return fail(f"{name}: {error}", "put random bytes there, in a file that the service's user can read")
    if everybody:
        return warn(f"{name} holds a key, which every user of this machine can read", "take the permission from the others")
    return ok(f"{name} holds a key")


FILES: dict[str, Callable[[str, str], Finding]] = {
    "drain_file": _drain_file,
    "tokens_file": _tokens_file,
    "holdout_key_file": _key_file,
    "ui_key_file": _key_file,
}


def _load(settings: config.Settings) -> RiskModel | ModelError:
    try:
        return loader.load(settings.model, settings.model_sha256, reserved=reserved_names)
    except ModelError as error:
        return error


def _advice(settings: config.Settings, error: ModelError) -> str:
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
        valid = loader.last_valid(directory, settings.model_sha256, reserved=reserved_names).manifest
    except ModelError:
        return f"{promote} VERSION --in {directory} (`delivery-risk model list --in {directory}` shows them); {_NONE_SERVED}"
    return f"{promote} {valid.version} --in {directory}; until then {valid.name} {valid.version} is served"
