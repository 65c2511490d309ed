"""How the files of a run are scored."""

from dataclasses import asdict, dataclass

from model.core.risk_model import RiskModel
from schemas.result import Policy, made_by
from service.bulk.part import MadeBy
from service.offline.order_files import Given


@dataclass(frozen=True, slots=True)
class Scoring:
    """The model, the `policy` for orders outside its range, and what is `given` of how files are read."""

    model: RiskModel
    policy: Policy
    given: Given

    @property
    def made_by(self) -> MadeBy:
        """The same for records."""
        reading = {name: value for name, value in asdict(self.given).items() if value}
        return MadeBy(**made_by(self.model, self.policy), reading=reading)
