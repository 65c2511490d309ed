"""The check of `delivery-risk model promote --check-on`: what it reads, what it prints, and how it ends."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from model.core.risk_model import RiskModel
from model.errors import NothingPromoted
from model.registry import versions
from model.registry.check import PromotionCheck
from schemas.files.row import reserved_names
from schemas.names import listed
from service.cli.loading import load_settings, plain
from service.cli.model.logged_orders import NoOrders, logged_orders
from service.offline.differences import only
from service.offline.evaluation.thresholds import BadGoal, Capacity
from service.offline.evaluation.thresholds import capacity as capacity_of
from service.offline.promotion_check import Judgement, judge


class CannotJudge(click.ClickException):
    """The challenger cannot be judged by this log."""

    exit_code = 2


class ADay(click.ParamType[float]):
    """A number of reviews a day, such as 50/day."""

    name = "N/day"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        try:
            return capacity_of(str(value)).reviews
        except BadGoal as error:
            self.fail(f"{error}.", parameter, context)


def require_together(logs: Sequence[str], capacity: float | None, by: str | None, why: str, *, force: bool) -> None:
    """Raise UsageError where an option lacks another."""
    if not logs and (capacity is not None or by is not None):
        raise click.UsageError("--capacity and --by are of the check; give --check-on LOG.")
    if by is not None and capacity is None:
        raise click.UsageError("--by needs --capacity N/day.")
    if logs and force and not why:
        raise click.UsageError("--force with --check-on needs --message TEXT: the journal says why the check did not count.")


def checked(version: str, directory: str, logs: Sequence[str], capacity: Capacity | None, *, force: bool) -> PromotionCheck:
    """Judge this version by these logs and print the numbers. Raises ClickException where it failed, unless it is forced."""
    champion, challenger = _models(version, directory)
    policy = load_settings().out_of_range
    try:
        orders = logged_orders(logs, champion)
    except NoOrders as error:
        raise CannotJudge(str(error)) from None
    if capacity is not None and capacity.by is not None and capacity.by not in orders.context:
        has = listed(list(orders.context)) or "none"
        raise click.UsageError(f"--by must name a context of the logged orders, which have {plain(has)}.")
    found = judge(orders, champion, challenger, policy, capacity)
    _print(found, champion, challenger)
    if found.check.failed and not force:
        kind = click.ClickException if found.enough else CannotJudge
        raise kind(f"{version} is not promoted: {'; '.join(map(plain, found.check.failed))}")
    return replace(found.check, forced=bool(found.check.failed))


def _models(version: str, directory: str) -> tuple[RiskModel, RiskModel]:
    challenger = versions.get(directory, version, reserved=reserved_names)
    try:
        champion = versions.load(directory, versions.current(directory), reserved=reserved_names)
    except NothingPromoted:
        raise CannotJudge(f"{directory}: no version is current, so there is none to compare with") from None
    names, others = champion.manifest.input_names, challenger.manifest.input_names
    if set(names) != set(others):
        raise CannotJudge(f"the models do not take the same inputs: {only(names, others)}")
    if differing := set(champion.manifest.takes) ^ set(challenger.manifest.takes):
        raise CannotJudge(f"the models do not take the same values of {listed(sorted({each[0] for each in differing}))}")
    return champion, challenger


def _print(found: Judgement, champion: RiskModel, challenger: RiskModel) -> None:
    """Print the numbers on standard error: standard output says what was promoted."""
    check, before, after = found.check, champion.manifest.version, challenger.manifest.version
    unscored = f"; {found.unscored:,} have no score by one of the models" if found.unscored else ""
    lines = [f"checked     {check.orders:,} untouched orders of {check.days:,} days, {check.late:,} of them late{unscored}"]
    if check.brier_before is not None:
        lines.append(f"brier       {before}: {check.brier_before:.6f}, {after}: {check.brier_after:.6f}")
    if check.low is not None:
        interval = f"95 % interval {check.low:+.6f} to {check.high:+.6f}"
        lines.append(f"difference  {check.difference:+.6f}, {interval}; below 0 {after} is better")
    lines.append(f"reviews     {before}: {found.reviews_before:.1f} a day, {after}: {check.reviews_a_day:.1f} a day")
    click.echo("\n".join(lines), err=True)
