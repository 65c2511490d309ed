"""ModelError as the command line reports it: under the path that the user gave, which the error does not know.

Text out of a file is printed through `plain`, so that it cannot look like output of the command or control the terminal.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from model.core.risk_model import RiskModel
from model.errors import BadPointer, ModelError, TooLarge, UnknownMember
from model.registry import loader, references
from schemas.files.row import RESERVED_NAMES

_TRAINING_ARRAYS = "; if these are arrays of a training script, make a model file of them: `delivery-risk model import`"
_BROKEN_REFERENCE = "; `delivery-risk model promote` replaces it"


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


def plain(text: str) -> str:
    """The text on one line, with characters that are not printable (line ends, controls, marks of direction) escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@contextmanager
def errors_of(path: str | None) -> Iterator[None]:
    """Report a ModelError in the block as one of the file or the registry at this path. Raises ClickException."""
    try:
        yield
    except ModelError as error:
        raise click.ClickException(message(path, error)) from None


def load(path: str, sha256: str | None = None) -> RiskModel:
    """The model in this file, or the current version of this registry. Raises ClickException."""
    with errors_of(path):
        return loader.load(path, sha256, reserved=RESERVED_NAMES)
