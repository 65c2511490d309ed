"""delivery-risk model list, log: the versions in a model registry, and who changed its references when."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from model.errors import ModelError, NothingPromoted
from model.registry import journal, versions
from model.registry.check import PromotionCheck
from model.registry.references import CURRENT, VersionReference
from schemas.files.row import reserved_names
from service.cli.loading import line_numbers, message, plain
from service.cli.model.registry import errors_in, in_option


@dataclass(frozen=True, slots=True)
class Promotion:
    """When, by whom and why a version became current."""

    time: str
    user: str
    host: str
    message: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A version, its last promotion in the journal, and what its file contains or the `error` in it."""

    version: str
    current: bool
    challenger: bool
    promoted: Promotion | None
    sha256: str | None = None
    created: str | None = None
    threshold: float | None = None
    features: int | None = None
    illustrative: bool = False
    error: str | None = None


@click.command("list")
@in_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects.")
@click.pass_context
def list_(context: click.Context, directory: str, as_json: bool) -> None:
    """List a registry's versions: "*" is current, "+" the challenger. Exits 1 if a version or a reference is invalid.

    `promoted` and `by` are of the last promotion of a version, or rollback to it, in the journal. Exits 1 too if the journal
    cannot be read.
    """
    with errors_in(directory):
        names = versions.list_versions(directory)
    errors: list[ModelError] = []
    marked: dict[str, tuple[str, VersionReference]] = {}
    for mark, reference_in in (("*", versions.current), ("+", versions.challenger)):
        try:
            if reference := reference_in(directory):
                marked.setdefault(reference.version, (mark, reference))
        except NothingPromoted:
            continue
        except ModelError as error:
            errors.append(error)
    promotions: dict[str, Promotion] = {}
    try:
        promotions = _promotions(directory)
    except ModelError as error:
        errors.append(error)
    for each in errors:
        click.echo(f"Error: {message(directory, each)}", err=True)
    names += [version for version in marked if version not in names]
    found = []
    for version in names:
        mark, at = marked.get(version, ("", None))
        found.append(_listed(directory, version, mark, at, promotions.get(version)))
    if as_json:
        click.echo(json.dumps(list(map(asdict, found)), indent=1))
    else:
        _print(found)
    context.exit(1 if errors or any(listed.error is not None for listed in found) else 0)


@click.command()
@in_option
def log(directory: str) -> None:
    """Print the journal of a registry: each promotion, rollback and trial, with time, user and message, the newest last.

    The message of a promotion that was checked ends with what the check measured.

    "?" marks an entry whose version the registry did not refer to afterwards: the command was interrupted before it made the
    change, or the reference was changed later without an entry.
    """
    with errors_in(directory):
        found = journal.read(directory)
    if found.ignored:
        click.echo(f"{directory}: {journal.JOURNAL}: not an entry, ignored: line {line_numbers(found.ignored)}", err=True)
    rows = [["  time", "by", "action", "from", "to", "message"]]
    for entry in found.entries:
        before, after = (reference.version if reference else "-" for reference in (entry.before, entry.after))
        time = f"{' ' if entry.made else '?'} {entry.time}"
        rows.append([time, _by(entry), entry.action, before, after, plain(f"{entry.message}{_check(entry.check)}".strip())])
    if found.entries:
        _print_table(rows)


COMMANDS = (list_, log)


def _promotions(directory: str) -> dict[str, Promotion]:
    """The last promotion, or rollback, to each version that the journal has. Raises ModelError."""
    return {
        entry.after.version: Promotion(entry.time, entry.user, entry.host, entry.message)
        for entry in journal.read(directory).entries
        if entry.made and entry.after and journal.ACTIONS[entry.action] == CURRENT
    }


def _listed(directory: str, version: str, mark: str, at: VersionReference | None, promoted: Promotion | None) -> Listed:
    listed = (version, mark == "*", mark == "+", promoted)
    try:
        if at is None:
            found = versions.get(directory, version, reserved=reserved_names)
        else:
            found = versions.load(directory, at, reserved=reserved_names)
    except ModelError as error:
        return Listed(*listed, error=str(error))
    manifest = found.manifest
    return Listed(*listed, found.sha256, manifest.created, manifest.threshold, len(manifest.features), manifest.illustrative)


def _print(found: Sequence[Listed]) -> None:
    rows = [["  version", "sha256", "created", "threshold", "features", "promoted", "by"]]
    for each in found:
        mark = "*" if each.current else "+" if each.challenger else " "
        row = [f"{mark} {each.version}{' (illustrative)' if each.illustrative else ''}"]
        if each.error is None:
            row += [str(each.sha256)[:12], str(each.created), str(each.threshold), str(each.features)]
            row += [each.promoted.time, _by(each.promoted)] if each.promoted else []
        else:
            row += [f"invalid: {plain(each.error)}"]
        rows.append(row)
    if found:
        _print_table(rows)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns of equal width. The last cell of a row widens no column."""
    widths = [max((len(row[at]) for row in rows if len(row) > at + 1), default=0) for at in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())


def _check(check: PromotionCheck | None) -> str:
    if check is None:
        return ""
    measured = [f"{check.orders:,} orders", f"{check.late:,} late", f"{check.days:,} days"]
    if check.brier_before is not None:
        measured.append(f"Brier {check.brier_before:.6f} -> {check.brier_after:.6f}")
    if check.low is not None:
        measured.append(f"difference {check.difference:+.6f} ({check.low:+.6f} to {check.high:+.6f})")
    measured.append(f"{check.reviews_a_day:.1f} reviews a day")
    forced = f"; forced: {'; '.join(check.failed)}" if check.forced else ""
    return f" [checked: {', '.join(measured)}{forced}]"


def _by(made: Promotion | journal.Entry) -> str:
    return plain(f"{made.user}@{made.host}")
