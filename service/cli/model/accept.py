"""delivery-risk model accept: a new version of a model that takes orders with further names."""

from dataclasses import replace

import click

from service.cli.loading import load
from service.cli.model.model_file import now, out_option, require_new_version, version_option, write


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.argument("file", type=click.Path(exists=True))
@version_option
@out_option
def accept(names: tuple[str, ...], file: str, version: str, out: str) -> None:
    """Write a new version of the model in FILE that accepts orders with these further NAMEs and does not use them.

    FILE may be a registry: its current version is taken. Scores, threshold and baseline stay the same. So clients can send an
    input before a model that uses it is served. Any other unknown name is still rejected.
    """
    model = load(file)
    before = model.manifest
    require_new_version(version, model, file)
    for name in names:
        if name in (*before.input_names, *before.context_names):
            raise click.ClickException(f"{name}: the model has an input or a context of this name already.")
    also_accepts = tuple(dict.fromkeys((*before.also_accepts, *names)))
    provenance = {**before.provenance, "accepts_model_version": before.version, "accepts_model_sha256": str(model.sha256)}
    manifest = replace(before, version=version, created=now(), provenance=provenance, also_accepts=also_accepts)
    write(replace(model, manifest=manifest), out)
