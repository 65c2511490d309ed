"""The command line, `delivery-risk`: a group with one module, or one folder of modules, for each command."""

import click

from service.cli import doctor, explain, model, outcomes, score, serve, token
from service.cli.exit_signals import Commands
from service.version import VERSION


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="delivery-risk")
def main() -> None:
    """Score delivery orders for delay risk."""


for _command in (serve.serve, score.score, explain.explain, outcomes.outcomes, model.model, token.token, doctor.doctor):
    main.add_command(_command)
