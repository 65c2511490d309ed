"""The header of a CSV file: where it has the columns that a model needs, or all that is wrong with it."""

from collections.abc import Iterable, Iterator, Sequence

from schemas.fields import well_formed
from schemas.files.row import REJECT_NAMES, BadFile, Layout
from schemas.nearest import nearest

_MOST = 10
_IDS = ("", "unnamed: 0", "id", "order", "orderid", "order number", "order no")  # the first two are pandas' names of its index


def places(columns: Sequence[str], layout: Layout) -> dict[str, int]:
    """The positions of the columns of a model, by the model's names. Raises BadFile with all that is wrong."""
    if not columns:
        raise BadFile("the file is empty: it has no header")
    if not all(map(well_formed, columns)):
        raise BadFile("the header is not UTF-8")
    names = layout.names
    if not set(names.values()) & set(columns) and not any(_near(name, column, columns) for name, column in names.items()):
        raise BadFile(f"the first line has none of the columns {_listed(names.values())}; it must be a header")
    faults = [*_missing(columns, layout), *_repeated(columns, layout), *_reserved(columns, layout)]
    if faults:
        raise BadFile(
            f"the header {'; it '.join(faults[:_MOST])}{f'; and {len(faults) - _MOST} more' if len(faults) > _MOST else ''}"
        )
    return {name: columns.index(column) for name, column in names.items()}


def rejected_before(columns: Sequence[str]) -> int:
    """How many columns at the front were added when the rows were rejected by an earlier run."""
    return len(REJECT_NAMES) if tuple(columns[: len(REJECT_NAMES)]) == REJECT_NAMES else 0


def _near(name: str, column: str, columns: Sequence[str]) -> str | None:
    return nearest(column, columns, *(_IDS if name == "order_id" else ()))


def _missing(columns: Sequence[str], layout: Layout) -> Iterator[str]:
    for name, column in layout.names.items():
        if column in columns:
            continue
        near = _near(name, column, columns)
        option = f"--id '{near}'" if name == "order_id" else f"--rename {name}='{near}'"
        advice = "" if near is None else f" (if it is column {columns.index(near) + 1}, give {option})"
        yield f"has no column {column}{advice}"


def _repeated(columns: Sequence[str], layout: Layout) -> Iterator[str]:
    used = list(layout.names.values())
    for column in dict.fromkeys(used):
        at = [str(place) for place, each in enumerate(columns, 1) if each == column]
        if len(at) > 1:
            yield f"has {column} more than once, in columns {_listed(at)}"
        if used.count(column) > 1:
            yield f"has {column} for more than one name of the model"


def _reserved(columns: Sequence[str], layout: Layout) -> Iterator[str]:
    for name in (*layout.reserved, *REJECT_NAMES):
        if name in columns[rejected_before(columns) :]:
            yield f"has a column {name}, which is a column of the output; rename it"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:_MOST]) + (f" and {len(every) - _MOST} more" if len(every) > _MOST else "")
