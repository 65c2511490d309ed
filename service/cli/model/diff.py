"""delivery-risk model diff: what would change if another model were served."""

from collections.abc import Sequence
from pathlib import Path

import click

from service.cli.loading import identity, load, load_settings
from service.cli.order_files import Given, open_orders, orders_option, reading_options
from service.offline.compare import compare

_MODEL = click.Path(exists=True)
_MOST_NAMES = 10


@click.command()
@click.argument("first", metavar="A", type=_MODEL)
@click.argument("second", metavar="B", type=_MODEL)
@orders_option(required=True)
@reading_options
def diff(first: str, second: str, orders: str, given: Given) -> None:
    """Report what changes for these orders if model B is served instead of A: files, or registries' current versions.

    The setting DELIVERY_RISK_OUT_OF_RANGE decides where orders outside a model's range go.
    """
    policy = load_settings().out_of_range
    before, after = load(first), load(second)
    features, others = before.manifest.feature_names, after.manifest.feature_names
    if set(features) != set(others):
        only = f"only A has {_only_of(features, others)}, only B has {_only_of(others, features)}"
        raise click.ClickException(f"the models do not take the same features: {only}")
    with open_orders(orders, features, given) as source:
        found = compare(before, after, source.reader, policy)
    alone = f", {found.alone} scored by one model alone" if found.alone else ""
    order = "" if found.order_id is None else f", order {found.order_id!r}"
    click.echo(
        f"from        {identity(before)}\n"
        f"to          {identity(after)}\n"
        f"on {Path(orders).name}: {found.orders} orders, {found.rejected} rows rejected{alone}\n"
        f"queue       {found.to_review + found.to_monitor} orders change it: "
        f"{found.to_review} from monitor to review, {found.to_monitor} from review to monitor\n"
        f"score       largest difference {found.difference}{order}"
    )


def _only_of(features: Sequence[str], others: Sequence[str]) -> str:
    names = [name for name in features if name not in others]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more if names else "none"
