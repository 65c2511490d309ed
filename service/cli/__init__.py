"""The command line, `delivery-risk`: a group, and a module for each of its commands."""

import click

from service.cli.card import card
from service.cli.doctor import doctor
from service.cli.exit_signals import Commands
from service.cli.model import model
from service.cli.registry import challenge, diff, list_, promote, publish, rollback
from service.cli.score import score
from service.cli.serve import serve
from service.cli.tokens import token
from service.version import VERSION


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="delivery-risk")
def main() -> None:
    """Score delivery orders for delay risk."""


main.add_command(serve)
main.add_command(score)
main.add_command(model)
main.add_command(token)
main.add_command(doctor)
for _command in (card, publish, promote, rollback, challenge, list_, diff):
    model.add_command(_command)
