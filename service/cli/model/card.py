"""delivery-risk model card: a new version of a model, with the baseline that monitoring compares with."""

from dataclasses import replace
from pathlib import Path

import click

from service.cli.loading import line_numbers, load, load_settings
from service.cli.model.model_file import (
    lasting_provenance,
    now,
    out_option,
    require_new_version,
    summary,
    version_option,
    write,
)
from service.cli.order_files import open_orders, orders_option, reading_options
from service.offline.baseline import BaselineBuilder
from service.offline.order_files import Given


@click.command()
@click.argument("file", type=click.Path(exists=True))
@orders_option(required=True)
@reading_options
@click.option("--label", metavar="NAME", help="The column that says which orders were late: 1 or true, else 0 or false.")
@version_option
@out_option
def card(file: str, orders: str, given: Given, label: str | None, version: str, out: str) -> None:
    """Write a new version of the model in FILE with a baseline: how scores and features of these orders are distributed.

    FILE may be a registry: its current version is taken. Orders are CSV or JSON lines, gzipped or not; rejected rows do not
    count. The setting DELIVERY_RISK_OUT_OF_RANGE decides where orders outside the model's range go. With a label the
    baseline holds the calibration too.
    """
    policy = load_settings().out_of_range
    model = load(file)
    require_new_version(version, model, file)
    if label in ("order_id", *model.manifest.input_names):
        raise click.UsageError(f"--label {label}: the model uses this name.")
    found = BaselineBuilder(model, label)
    with open_orders(orders, model.manifest.inputs, given) as source:
        found.read(source.reader, policy)
        digest = source.raw.sha256()
    if found.unlabelled:
        unusable = (
            f"{label} is not 0, 1, true or false in {len(found.unlabelled)} orders, on line {line_numbers(found.unlabelled)}"
        )
        raise click.ClickException(f"{orders}: {unusable}")
    for row, reason in found.first_rejected:
        click.echo(f"line {row.line} is rejected: {reason}", err=True)
    if found.rejected > len(found.first_rejected):
        click.echo(f"and {found.rejected - len(found.first_rejected)} more rows", err=True)
    if not found.orders:
        raise click.ClickException(f"{orders}: holds no order that the model scores")
    provenance = {
        **lasting_provenance(model),
        "reference": Path(orders).name,
        "reference_sha256": digest,
        "reference_orders": str(found.orders),
        "reference_refused": str(found.rejected),
        "reference_out_of_range": policy,
        "reference_model_version": model.manifest.version,
        "reference_model_sha256": str(model.sha256),
        **({} if label is None else {"reference_label": label}),
    }
    baseline = found.baseline()
    manifest = replace(model.manifest, version=version, created=now(), provenance=provenance, baseline=baseline)
    click.echo(f"on {Path(orders).name}: {summary(baseline)}; {found.rejected} rows rejected", err=True)
    write(replace(model, manifest=manifest), out)
