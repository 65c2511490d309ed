"""Faults: a ModelError as the command line says it, under the path that was given: the error itself knows the place alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from model.errors import ModelError, UnknownMember

_TRAINING_ARRAYS = "; are these a training script's arrays? `delivery-risk model import` makes a model file of them"


def said(path: str, error: ModelError) -> str:
    """What is wrong with the model file or the store at this path."""
    place = "" if error.place == "file" else f"{error.place}: "
    hint = _TRAINING_ARRAYS if isinstance(error, UnknownMember) and error.place == "feature_names" else ""
    return f"{path}: {place}{error.reason}{hint}"


@contextmanager
def of(path: str) -> Iterator[None]:
    """A ModelError in the block is one of the file or the store at this path, and ends the command."""
    try:
        yield
    except ModelError as error:
        raise click.ClickException(said(path, error)) from None
