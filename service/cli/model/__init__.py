"""delivery-risk model: a group with a module for each command; the shortest are here, those of the registry share a module."""

import click

from model import packaged
from service.cli.loading import load
from service.cli.model import accept, card, diff, exporter, import_, inspect, listing, registry, set_threshold
from service.cli.model.model_file import out_option, write


@click.group()
def model() -> None:
    """Make, check and read model files, and manage a model registry."""


@model.command()
@out_option
def default(out: str) -> None:
    """Write the packaged model: the same bytes as the file in the package."""
    write(packaged.packaged_model(), out)


@model.command()
@click.argument("file", type=click.Path(exists=True))
@click.option("--sha256", help="The digest that the file must have.")
def validate(file: str, sha256: str | None) -> None:
    """Check that FILE is valid, passes its self-test and can be served. Exits 1 if not.

    FILE may be a registry: its current version and the reference to it are checked.
    """
    found = load(file, sha256 and sha256.lower())
    click.echo(f"{file}: {found.manifest.name} {found.manifest.version} is valid (sha256 {found.sha256})")


for _command in (
    import_.import_,
    inspect.inspect,
    card.card,
    set_threshold.set_threshold,
    accept.accept,
    diff.diff,
    exporter.exporter,
    *registry.COMMANDS,
    *listing.COMMANDS,
):
    model.add_command(_command)
