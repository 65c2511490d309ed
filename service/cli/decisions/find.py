"""delivery-risk decisions find: the decisions about one order."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

import click
import msgspec

from service.cli.decisions.log_argument import files_of, log_argument
from service.cli.loading import plain
from service.decisions.order_decisions import OrderDecision
from service.decisions.order_decisions import find as find_in

_MARGIN = 14


@click.command()
@log_argument
@click.option("--order", "order_id", required=True, metavar="ID", help="The id of the order.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each decision.")
def find(log: Sequence[str], order_id: str, as_json: bool) -> None:
    """Print every decision about one order in each LOG, oldest first.

    LOG is a file of a decision log or its folder. Exits 0 if there are decisions, 1 if there are none, 2 if a file or a line
    with the id cannot be read.
    """
    found, unread = find_in(files_of(log), order_id)
    for each in found:
        click.echo(msgspec.json.encode(each).decode() if as_json else "\n".join(map(plain, _lines(each))))
    for where, reason in unread:
        click.echo(plain(str(where) if str(where).endswith(reason) else f"{where}: {reason}"), err=True)
    click.get_current_context().exit(2 if unread else 0 if found else 1)


def _lines(decision: OrderDecision) -> Iterator[str]:
    """The decision for people."""
    yield f"{decision.at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}  decision {decision.decision_id}"
    explanation = decision.explanation or {}
    entries: dict[str, str | None] = {
        "order": decision.order_id,
        "request": decision.request_id + ("" if decision.caller is None else f" of {decision.caller}"),
        "model": f"{decision.model.name} {decision.model.version} (sha256 {decision.model.sha256})",
        "score": f"{decision.score} (logit {decision.logit})",
        "queue": f"{decision.queue} (threshold {decision.threshold}, policy {decision.policy})",
        "holdout": "kept out of review" if decision.holdout else None,
        "rank": None if decision.rank is None else f"{decision.rank} ({_options(decision.selection or {})})",
        "values": "omitted" if decision.values is None else _pairs(decision.values),
        "context": _pairs(decision.context),
        "out of range": ", ".join(decision.out_of_range),
        "imputed": ", ".join(decision.imputed),
        "unknown": ", ".join(decision.unknown),
        "reasons": "; ".join(f"{each['text']} ({each['contribution']:+.6g})" for each in explanation.get("reasons", ())),
        "changes": _pairs(explanation.get("changes", {})),
    }
    yield from (f"  {name:<{_MARGIN}}{text}" for name, text in entries.items() if text)


def _options(selection: dict[str, Any]) -> str:
    return _pairs({name: selection[name] for name in ("review_top", "by") if name in selection})


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {'-' if value is None else value}" for name, value in values.items())
