"""Orders of decision logs with their outcomes, for a model."""

from collections.abc import Sequence

from model.core.risk_model import RiskModel
from service.offline.evaluation.orders import EvaluatedOrders


class NoOrders(Exception):
    """Logs of which no orders can be evaluated. The message says why."""


def logged_orders(logs: Sequence[str], model: RiskModel) -> EvaluatedOrders:
    """The orders of these logs whose outcomes are known, encoded for this model. Raises NoOrders."""
    raise NoOrders("decision logs cannot be joined with outcomes by this version")
