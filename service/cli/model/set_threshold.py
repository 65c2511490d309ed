"""delivery-risk model set-threshold: a new version of a model, without its training arrays."""

from dataclasses import replace

import click

from service.cli.loading import load
from service.cli.model.model_file import lasting_provenance, now, out_option, require_new_version, version_option, write


@click.command("set-threshold")
@click.argument("file", type=click.Path(exists=True))
@click.argument("threshold", type=float)
@version_option
@out_option
def set_threshold(file: str, threshold: float, version: str, out: str) -> None:
    """Write a new version of the model in FILE with another THRESHOLD, the score from which an order goes to review.

    FILE may be a registry: its current version is taken. Scores stay the same, and so does the self-test. A baseline is left
    out, because its histogram does not show how many orders reach the new threshold: `delivery-risk model card` makes another.
    """
    model = load(file)
    before = model.manifest
    require_new_version(version, model, file)
    provenance = {
        **lasting_provenance(model),
        "threshold_before": str(before.threshold),
        "threshold_model_version": before.version,
        "threshold_model_sha256": str(model.sha256),
    }
    manifest = replace(before, version=version, threshold=threshold, created=now(), provenance=provenance, baseline=None)
    write(replace(model, manifest=manifest), out)
    if before.baseline is not None:
        click.echo(
            f"{out}: has no baseline, since the one of {before.version} is for the threshold {before.threshold}", err=True
        )
