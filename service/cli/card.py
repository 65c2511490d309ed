"""delivery-risk model card: a new version of a model file, with what monitoring compares with."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import click

from model.core.risk_model import RiskModel
from model.registry import loader
from schemas.files.row import RESERVED_NAMES
from service import config
from service.cli.model import described, now, order_format, write
from service.cli.model_errors import of
from service.cli.order_files import Source, opened
from service.offline.baseline import BaselineBuilder, build_baseline

_LINES = 10


@click.command()
@click.argument("file", type=click.Path(exists=True))
@click.option("--on", "orders", required=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Orders.")
@order_format
@click.option("--label", metavar="NAME", help="What tells which orders were late: 1 or true, else 0 or false.")
@click.option("--version", required=True, help="The new version; a version never changes its content.")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="The model file to write.")
def card(file: str, orders: str, given: str | None, label: str | None, version: str, out: str) -> None:
    """Write a new version of the model in FILE, with a reference: how the scores and features of these orders lie.

    FILE may be a store: its current version is taken. Orders are CSV or JSON lines, gzipped or not; refused rows do not count.
    Orders outside the model's range go where the setting DELIVERY_RISK_OUT_OF_RANGE sends them. With a label the reference
    holds the calibration too.
    """
    try:
        policy = config.load(os.environ).out_of_range
    except config.SettingsError as error:
        raise click.UsageError(str(error)) from None
    with of(file):
        model = loader.load(file, reserved=RESERVED_NAMES)
    if version == model.manifest.version:
        raise click.UsageError(f"{file} is version {version} already: a version never changes its content.")
    if label in ("order_id", *model.manifest.feature_names):
        raise click.UsageError(f"--label {label}: the model's own name.")
    with opened(orders, model.manifest.feature_names, given) as source:
        found = build_baseline(model, source.reader, policy, label)
        digest = _digest(orders, source)
    _require_usable(orders, found, label)
    provenance = {
        "reference": Path(orders).name,
        "reference_sha256": digest,
        "reference_orders": str(found.orders),
        "reference_refused": str(found.refused),
        "reference_out_of_range": policy,
        "reference_model_version": model.manifest.version,
        "reference_model_sha256": str(model.sha256),
        **({} if label is None else {"reference_label": label}),
    }
    made = _with_reference(model, found, version, provenance)
    _tell_refused(found)
    click.echo(f"on {Path(orders).name}: {described(found.reference())}; {found.refused} rows refused", err=True)
    write(made, out)


def _digest(orders: str, source: Source) -> str:
    try:
        source.raw.seek(0)
    except OSError:
        raise click.UsageError(f"{orders}: cannot be read twice; save it in a file.") from None
    return hashlib.file_digest(source.raw, "sha256").hexdigest()


def _require_usable(orders: str, found: BaselineBuilder, label: str | None) -> None:
    if found.unlabelled:
        first = ", ".join(map(str, found.unlabelled[:_LINES])) + (", …" if len(found.unlabelled) > _LINES else "")
        raise click.ClickException(
            f"{orders}: {label} is neither 0 or 1 nor true or false in {len(found.unlabelled)} orders, on line {first}"
        )
    if not found.orders:
        _tell_refused(found)
        raise click.ClickException(f"{orders}: has no order that the model scores")


def _with_reference(model: RiskModel, found: BaselineBuilder, version: str, provenance: dict[str, str]) -> RiskModel:
    """The model as another version; what an earlier reference left in its provenance makes room."""
    old = [name for name in model.manifest.provenance if name == "reference" or name.startswith("reference_")]
    kept = {name: text for name, text in model.manifest.provenance.items() if name not in old}
    manifest = replace(model.manifest, version=version, created=now(), provenance=kept | provenance, baseline=found.reference())
    return replace(model, manifest=manifest)


def _tell_refused(found: BaselineBuilder) -> None:
    for row, reason in found.refusals:
        click.echo(f"line {row.line} is refused: {reason}", err=True)
    if found.refused > len(found.refusals):
        click.echo(f"and {found.refused - len(found.refusals)} rows more", err=True)
