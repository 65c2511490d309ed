"""Files: what each file that a setting names must be; one of them must be absent while all is well."""

import os
from collections.abc import Callable, Iterator

from model import files
from model.errors import ModelError
from service.auth import token_store, tokens
from service.cli.doctor.finding import Finding, Patient, fail, ok, warn
from service.config import variable
from service.serving.drain import draining


def named_files(patient: Patient) -> Iterator[Finding]:
    """Every file that a setting names."""
    for name, check in KINDS.items():
        path = getattr(patient.settings, name)
        if path is not None:
            yield check(variable(name), path)


def _drain(name: str, path: str) -> Finding:
    """Whoever is about to stop the service makes this file, and nobody before."""
    if draining(path):
        return warn(f"{name}: the file is there, so the service is draining", "remove it, unless the service is to stop")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return fail(f"{name}: its directory is not there", "make it, or set the variable to a file in another")
    if not os.access(folder, os.W_OK | os.X_OK):
        return warn(f"{name}: its directory cannot be written by this user", "see that whoever stops the service can")
    return ok(f"{name}: the file can be made, and is not there")


def _tokens(name: str, path: str) -> Finding:
    """The same reading as the service's own; of what stands in the file only the number of tokens is told."""
    try:
        known = tokens.parse(files.read(path, token_store.LIMIT))
    except ModelError as error:
        return fail(f"{name}: {error.reason}", "put the tokens there, and let the service's user read that file")
    except tokens.BadTokens as error:
        return fail(f"{name}: {error}", "mend it; `delivery-risk token new` makes a line")
    return ok(f"{name} holds {len(known)} tokens")


KINDS: dict[str, Callable[[str, str], Finding]] = {"drain_file": _drain, "tokens_file": _tokens}
