"""Faults: a ModelError as the command line says it, under the path that was given: the error itself knows the place alone.

What comes out of a file is shown by `plain`, so that no text in it can pass for lines of the command or steer the terminal.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from model.errors import BadPointer, ModelError, TooLarge, UnknownMember
from model.registry import references

_TRAINING_ARRAYS = "; are these a training script's arrays? `delivery-risk model import` makes a model file of them"
_BEGUN_ANEW = "; `delivery-risk model promote` begins it anew"


def said(path: str, error: ModelError) -> str:
    """What is wrong with the model file or the store at this path."""
    place = "" if error.location == "file" else f"{error.location}: "
    return f"{path}: {plain(place)}{error.reason}{_hint(error)}"


def plain(text: str) -> str:
    """The text on one line, with what does not show as itself (line ends, controls, marks of direction) escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


@contextmanager
def of(path: str) -> Iterator[None]:
    """A ModelError in the block is one of the file or the store at this path, and ends the command."""
    try:
        yield
    except ModelError as error:
        raise click.ClickException(said(path, error)) from None


def _hint(error: ModelError) -> str:
    if isinstance(error, UnknownMember) and error.location == "feature_names":
        return _TRAINING_ARRAYS
    if isinstance(error, BadPointer | TooLarge) and error.location.startswith(references.CURRENT):
        return _BEGUN_ANEW
    return ""
