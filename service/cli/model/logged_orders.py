"""Orders of decision logs with their outcomes, for a model."""

from collections.abc import Sequence

import click

from model.core.risk_model import RiskModel
from service.decisions.reading import NoLog
from service.offline.evaluation.of_log import joined
from service.offline.evaluation.orders import EvaluatedOrders


class NoOrders(Exception):
    """Logs that cannot be read. The message says why."""


def logged_orders(logs: Sequence[str], model: RiskModel) -> EvaluatedOrders:
    """The orders of these logs whose outcomes are known, encoded for this model. Prints what is left out. Raises NoOrders."""
    try:
        found = joined(logs, model)
    except NoLog as error:
        raise NoOrders(str(error)) from None
    for note in found.left_out.notes():
        click.echo(f"note        {note}", err=True)
    return found.orders
