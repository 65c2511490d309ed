"""The settings of this process's environment, or the end of the command."""

import os

import click

from service import config
from service.config import Settings


def load_settings(error: type[click.ClickException] = click.UsageError, **options: str | None) -> Settings:
    """The settings; an option that is given replaces its variable. Raises `error`, a UsageError (exit code 2) by default."""
    given = {config.variable(name): value for name, value in options.items() if value is not None}
    try:
        return config.load({**os.environ, **given})
    except config.SettingsError as fault:
        raise error(str(fault)) from None
