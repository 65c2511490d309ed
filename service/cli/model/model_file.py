"""What commands that write a model file share."""

import os
import re
from datetime import UTC, datetime

import click

from model.artifact import model_file
from model.artifact.checks import TIME
from model.core.manifest import CHECKED_DIFFERENCE, CHECKED_ORDERS, Baseline, Manifest
from model.core.risk_model import RiskModel
from service.cli.loading import errors_of, identity, plain

_YEAR_9999 = 253_402_300_799  # its last second

out_option = click.option("--out", required=True, type=click.Path(dir_okay=False), help="The model file to write.")

version_option = click.option("--version", required=True, help="The new version; its content never changes.")


def require_new_version(version: str, model: RiskModel, file: str) -> None:
    """Raise UsageError if this is the version of the model in this file."""
    if version == model.manifest.version:
        raise click.UsageError(f"{file} is version {version} already: the content of a version never changes.")


def lasting_provenance(model: RiskModel) -> dict[str, str]:
    """The provenance of the model without that of its baseline."""
    return {name: text for name, text in model.manifest.provenance.items() if not f"{name}_".startswith("reference_")}


def now() -> str:
    """The time of creation: SOURCE_DATE_EPOCH, else the present. Raises UsageError where the variable is not a time."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC).strftime(TIME)
    if not re.fullmatch("[0-9]{1,15}", epoch) or int(epoch) > _YEAR_9999:
        raise click.UsageError("SOURCE_DATE_EPOCH: expected whole seconds since 1970")
    return datetime.fromtimestamp(int(epoch), UTC).strftime(TIME)


def write(model: RiskModel, out: str) -> None:
    """Write a model file and print its version and digest. Raises ClickException."""
    try:
        with errors_of(None):
            written = model_file.write(model, out)
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written ({error.strerror})") from None
    click.echo(f"{out}: {identity(written)}")


def how_compared(manifest: Manifest) -> str:
    """Whether the model was compared with its training script when it was imported, and the result."""
    if not manifest.compared:
        return "not compared with the scores of its training script"
    found = (plain(manifest.provenance.get(name, "unknown")) for name in (CHECKED_ORDERS, CHECKED_DIFFERENCE))
    return "compared with the scores of its training script: {} orders, largest difference {}".format(*found)


def summary(baseline: Baseline) -> str:
    """A baseline in a few words."""
    late = sum(round(row.observed_rate * row.orders) for row in baseline.calibration)
    observed = f", {late / baseline.orders:.2%} late" if baseline.calibration else ", not calibrated"
    return f"{baseline.orders} orders, {baseline.review / baseline.orders:.2%} to review{observed}"
