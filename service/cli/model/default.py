"""delivery-risk model default: the model file of the package."""

import click

from model import packaged
from service.cli.model.model_file import out_option, write


@click.command()
@out_option
def default(out: str) -> None:
    """Write the packaged model: the same bytes as the file in the package."""
    write(packaged.packaged_model(), out)
