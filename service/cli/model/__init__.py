"""delivery-risk model: a group with a module for each command; those of the registry share a module."""

import click

from service.cli.model import card, default, diff, import_, inspect, registry, validate


@click.group()
def model() -> None:
    """Make, check and read model files, and manage a model registry."""


for _command in (
    import_.import_,
    default.default,
    validate.validate,
    inspect.inspect,
    card.card,
    diff.diff,
    *registry.COMMANDS,
):
    model.add_command(_command)
