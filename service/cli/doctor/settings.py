"""The settings of this environment, and the files that they name."""

import os
from collections.abc import Callable, Iterator

from model.errors import ModelError
from model.files import read
from service import config
from service.auth import token_store, tokens
from service.cli.doctor.finding import Finding, Installation, fail, ok, warn


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


FILES: dict[str, Callable[[str, str], Finding]] = {"drain_file": _drain_file, "tokens_file": _tokens_file}
