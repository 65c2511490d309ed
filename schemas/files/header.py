"""The header of a CSV file, or the schema of a Parquet file: where it has the columns that a model needs, or what is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from schemas.fields import well_formed
from schemas.files.row import REJECT_NAMES, BadFile, Layout
from schemas.names import KnownNames, listed

_MOST = 10
_IDS = ("", "unnamed: 0", "id", "order", "orderid", "order number", "order no")  # the first two are pandas' names of its index


def places(columns: Sequence[str], layout: Layout, of: str = "header") -> dict[str, int]:
    """The positions of a model's columns in the file, by the model's names. Raises BadFile with all that is wrong.

    `of` says what has the columns.
    """
    if not columns:
        raise BadFile(f"the file is empty: it has no {of}")
    if not all(map(well_formed, columns)):
        raise BadFile(f"the {of} is not UTF-8")
    names, at = layout.names, dict[str, list[int]]()
    for place, column in enumerate(columns):
        at.setdefault(column, []).append(place)
    missing = {name: column for name, column in names.items() if column not in at and name in layout.required}
    near = _nearest(missing, columns)
    if len(missing) == len(layout.required) and not near:
        where, advice = ("first line", "; it must be a header") if of == "header" else (of, "")
        raise BadFile(f"the {where} has none of the columns {listed(list(names.values()))}{advice}")
    faults = [*_missing(missing, near, at), *_repeated(names, at), *_reserved(columns, layout)]
    if faults:
        more = f"; and {len(faults) - _MOST} more" if len(faults) > _MOST else ""
        raise BadFile(f"the {of} {'; it '.join(faults[:_MOST])}{more}")
    return {name: at[column][0] for name, column in names.items() if column in at}


def rejected_before(columns: Sequence[str]) -> int:
    """How many columns at the front were added when the rows were rejected by an earlier run."""
    return len(REJECT_NAMES) if tuple(columns[: len(REJECT_NAMES)]) == REJECT_NAMES else 0


def _nearest(missing: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """The columns that are most likely those which are missing, by the model's names."""
    if not missing:
        return {}
    known = KnownNames(columns)
    found = {name: known.nearest(column, *(_IDS if name == "order_id" else ())) for name, column in missing.items()}
    return {name: column for name, column in found.items() if column is not None}


def _missing(missing: Mapping[str, str], near: Mapping[str, str], at: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for name, column in missing.items():
        advice = ""
        if name in near:
            option = f"--id '{near[name]}'" if name == "order_id" else f"--rename {name}='{near[name]}'"
            advice = f" (if it is column {at[near[name]][0] + 1}, give {option})"
        yield f"has no column {column}{advice}"


def _repeated(names: Mapping[str, str], at: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for column, uses in Counter(names.values()).items():
        places = [str(place + 1) for place in at.get(column, ())]
        if len(places) > 1:
            yield f"has {column} more than once, in columns {listed(places)}"
        if uses > 1:
            yield f"has {column} for more than one name of the model"


def _reserved(columns: Sequence[str], layout: Layout) -> Iterator[str]:
    for name in (*layout.reserved, *REJECT_NAMES):
        if name in columns[rejected_before(columns) :]:
            yield f"has a column {name}, which is a column of the output; rename it"
