"""delivery-risk decisions: a group with a module for each command."""

import click

from service.cli.decisions import export, find, prune


@click.group()
def decisions() -> None:
    """Search, export and remove decision logs."""


for _command in (find.find, export.export, prune.prune):
    decisions.add_command(_command)
