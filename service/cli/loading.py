"""The settings and the model that a command works with, or the error that ends it.

A ModelError is reported under the path that the user gave, which the error does not know. Text out of a file is printed
through `plain`, so that it cannot look like output of the command or control the terminal.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from model import packaged
from model.core.risk_model import RiskModel
from model.errors import BadPointer, ModelError, TooLarge, UnknownMember
from model.registry import loader, references
from schemas.files.row import reserved_names
from service import config

_TRAINING_ARRAYS = "; if these are arrays of a training script, make a model file of them: `delivery-risk model import`"
_MOST_LINES = 10
_BROKEN_REFERENCE = "; `delivery-risk model promote` replaces it"


def load_settings(error: type[click.ClickException] = click.UsageError, **options: str | None) -> config.Settings:
    """The settings of the environment; an option that is given replaces its variable. Raises `error`."""
    given = {config.variable(name): value for name, value in options.items() if value is not None}
    try:
        return config.load({**os.environ, **given})
    except config.SettingsError as fault:
        raise error(str(fault)) from None


def load(path: str, sha256: str | None = None, error: type[click.ClickException] = click.ClickException) -> RiskModel:
    """The model in this file, or the current version of this registry. Raises `error`."""
    with errors_of(path, error):
        return loader.load(path, sha256, reserved=reserved_names)


@contextmanager
def errors_of(path: str | None, error: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """Report a ModelError in the block as one of the file or the registry at this path. Raises `error`."""
    try:
        yield
    except ModelError as fault:
        raise error(message(path, fault)) from None


def message(path: str | None, error: ModelError) -> str:
    """What is wrong with the model file or the registry at this path, and what to do; None where the error names the file."""
    if path is None:
        return plain(str(error))
    where = "" if error.location == "file" else f"{plain(error.location)}: "
    hint = ""
    if isinstance(error, UnknownMember) and error.location == "feature_names":
        hint = _TRAINING_ARRAYS
    elif isinstance(error, BadPointer | TooLarge) and error.location.startswith(references.CURRENT):
        hint = _BROKEN_REFERENCE
    return f"{path}: {where}{error.reason}{hint}"


def warn_if_illustrative(model: RiskModel) -> None:
    """Print a warning on standard error if this is the packaged model or one made of it."""
    if model.manifest.illustrative:
        click.echo(f"Warning: {packaged.WARNING}; give --model, or set {config.variable('model')}", err=True)


def plain(text: str) -> str:
    """The text on one line, with characters that are not printable (line ends, controls, marks of direction) escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def line_numbers(lines: Sequence[int]) -> str:
    """The first of these numbers of lines, and whether there are more."""
    return ", ".join(map(str, lines[:_MOST_LINES])) + (", …" if len(lines) > _MOST_LINES else "")


def identity(model: RiskModel) -> str:
    """Name, version and digest."""
    return f"{model.manifest.name} {model.manifest.version} (sha256 {model.sha256})"
