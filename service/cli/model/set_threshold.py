"""delivery-risk model set-threshold: a new version of a model, without its training arrays."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import click
import msgspec

from service.cli.loading import load
from service.cli.model.model_file import lasting_provenance, now, out_option, require_new_version, version_option, write
from service.offline.evaluation.evaluation import Evaluation, Recommendation

_FILE = click.Path(exists=True, dir_okay=False)


@click.command("set-threshold")
@click.argument("file", type=click.Path(exists=True))
@click.argument("threshold", type=float, required=False)
@click.option("--recommended", metavar="FILE", type=_FILE, help="Take what this output of evaluate --json recommends.")
@version_option
@out_option
def set_threshold(file: str, threshold: float | None, recommended: str | None, version: str, out: str) -> None:
    """Write a new version of the model in FILE with another THRESHOLD, the score from which an order goes to review.

    FILE may be a registry: its current version is taken. Scores stay the same, and so does the self-test. A baseline is left
    out, because its histogram does not show how many orders reach the new threshold: `delivery-risk model card` makes another.
    """
    if (threshold is None) == (recommended is None):
        raise click.UsageError("Give a THRESHOLD, or --recommended FILE.")
    model = load(file)
    before = model.manifest
    found = _recommended(recommended, str(model.sha256)) if recommended is not None else None
    require_new_version(version, model, file)
    provenance = {
        **lasting_provenance(model),
        "threshold_before": str(before.threshold),
        "threshold_model_version": before.version,
        "threshold_model_sha256": str(model.sha256),
        **({} if found is None else {"threshold_reason": found.reason}),
    }
    chosen = found.threshold if found is not None else cast(float, threshold)
    manifest = replace(before, version=version, threshold=chosen, created=now(), provenance=provenance, baseline=None)
    write(replace(model, manifest=manifest), out)
    if before.baseline is not None:
        click.echo(
            f"{out}: has no baseline, since the one of {before.version} is for the threshold {before.threshold}", err=True
        )


def _recommended(path: str, sha256: str) -> Recommendation:
    """What an evaluation of this model recommends. Raises UsageError."""
    try:
        found = msgspec.json.decode(Path(path).read_bytes(), type=Evaluation)
    except (OSError, msgspec.DecodeError):
        raise click.UsageError(f"{path}: not the output of `delivery-risk evaluate --json`.") from None
    if found.model.get("sha256") != sha256:
        raise click.UsageError(f"{path}: evaluates another model.")
    if found.recommendation is None:
        raise click.UsageError(f"{path}: recommends no threshold; evaluate with --capacity or --cost.")
    return found.recommendation
