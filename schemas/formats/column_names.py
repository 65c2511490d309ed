"""Names of columns: what is wrong with those of a table, whose every column must be order_id or a name that the model knows."""

import re
from collections import Counter
from collections.abc import Sequence

from schemas.faults import Fault
from schemas.names import with_hints
from schemas.row_faults import SPARE_NAMES
from schemas.validation import BatchValidator

_BEGINS_AS_A_NUMBER = re.compile(r"\s*[-+.]*[0-9]")


class ColumnNames:
    """Checks the names of tables for one model. `most` is how many columns a table may have."""

    def __init__(self, validator: BatchValidator) -> None:
        self._max_orders = validator.max_orders
        self._known = ("order_id", *validator.names, *validator.also_accepts)
        optional = (each.name for each in validator.inputs if each.optional)
        self._optional = {*optional, *validator.contexts, *validator.also_accepts}
        self.most = len(self._known) + SPARE_NAMES

    def faults(self, names: Sequence[str], rows: int, hint: str | None = None) -> list[Fault]:
        """The faults of a table with these columns and so many rows. The hint says what a missing column may mean."""
        if len(names) > self.most:
            return [Fault("too_many_names")]
        known = self._known
        faults = [
            Fault("missing", path=(name,), hint=hint) for name in known if name not in names and name not in self._optional
        ]
        if len(faults) < len(known) - len(self._optional):  # otherwise the first line has values and is no header
            unknown = dict.fromkeys(_path(name) for name in names if name not in known)
            repeated = dict.fromkeys(_path(name) for name, count in Counter(names).items() if count > 1)
            faults += [Fault("unknown_name", path=path) for path in unknown]
            faults += [Fault("duplicate_key", path=path) for path in repeated]
        if not rows:
            faults.append(Fault("empty_batch"))
        if rows > self._max_orders:
            faults.append(Fault("too_many_orders", limit=self._max_orders))
        return with_hints(faults, "unknown_name", lambda fault: (known, fault.path[-1]) if fault.path else None)


def _path(name: str) -> tuple[str, ...]:
    """The steps to a column. No steps if the name may be a value: if line breaks are lost, the header contains the rows."""
    return () if _BEGINS_AS_A_NUMBER.match(name) else (name,)
