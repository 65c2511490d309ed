"""delivery-risk model list, log: the versions in a model registry, and who changed its references when."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from model.registry import journal
from model.registry.check import PromotionCheck
from model.registry.listing import ListedVersion, Promotion, read
from schemas.files.row import reserved_names
from service.cli.loading import line_numbers, message, plain
from service.cli.model.registry import errors_in, in_option


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
        listing = read(directory)
    for each in listing.errors:
        click.echo(f"Error: {message(directory, each)}", err=True)
    found = [listing.version(name, reserved=reserved_names) for name in listing.names]
    if as_json:
        click.echo(json.dumps(list(map(asdict, found)), indent=1))
    else:
        _print(found)
    context.exit(1 if listing.errors or any(listed.error is not None for listed in found) else 0)


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


def _print(found: Sequence[ListedVersion]) -> None:
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
    return "" if check is None else f" [checked: {check.measured}]"


def _by(made: Promotion | journal.Entry) -> str:
    return plain(f"{made.user}@{made.host}")
