"""delivery-risk model validate: whether a model can be served."""

import click

from service.cli.model_errors import load


@click.command()
@click.argument("file", type=click.Path(exists=True))
@click.option("--sha256", help="The digest that the file must have.")
def validate(file: str, sha256: str | None) -> None:
    """Check that FILE is valid, passes its self-test and can be served. Exits 1 if not.

    FILE may be a registry: its current version and the reference to it are checked.
    """
    found = load(file, sha256 and sha256.lower())
    click.echo(f"{file}: {found.manifest.name} {found.manifest.version} is valid (sha256 {found.sha256})")
