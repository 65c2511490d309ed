"""The command line, `delivery-risk`: a group with one module, or one folder of modules, for each command."""

import click

from service.cli import bulk, decisions, doctor, evaluate, explain, model, outcomes, replay, score, serve, token
from service.cli.exit_signals import Commands
from service.version import VERSION


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="delivery-risk")
def main() -> None:
    """Score delivery orders for delay risk."""


_COMMANDS = (
    serve.serve,
    score.score,
    bulk.bulk,
    explain.explain,
    evaluate.evaluate,
    model.model,
    replay.replay,
    decisions.decisions,
    outcomes.outcomes,
    token.token,
    doctor.doctor,
)
for _command in _COMMANDS:
    main.add_command(_command)
