"""delivery-risk model exporter: a script that exports a trained network where it was trained."""

import click

from model.importers import exporters


@click.command()
@click.argument("framework", type=click.Choice(exporters.FRAMEWORKS))
def exporter(framework: str) -> None:
    """Print a Python script that exports a trained network for `model import`: sklearn, torch or keras.

    Run it where the network was trained; it needs NumPy and the framework, not this package. It writes the training arrays, the
    preparation and 100 orders with the framework's scores, and prints the command that imports them. What the service cannot
    compute, it names.
    """
    click.echo(exporters.script(framework), nl=False)
