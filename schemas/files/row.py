"""Rows: what the readers of all file formats return, one by one or as columns, and what readers and writers have in common."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, overload

from model.core.manifest import CATEGORY, NONE, Input, Manifest
from schemas.result import HEADER_NAMES, NAMED, Result, ScoredBatch

RESULT_NAMES = ("score", "queue", "out_of_range")
RANK = "rank"
"""The name of a further column of results where there is a selection."""

HOLDOUT = "holdout"
"""The name of a further column of results where there is a holdout."""

REJECT_NAMES = ("refused_line", "refused_reason")


def result_names(manifest: Manifest, *, selection: bool = False) -> tuple[str, ...]:
    """The names of the columns of a result: those of every model, what else NAMED has for inputs as this model's, and the rank
    in a selection.
    """
    imputed = ("imputed",) if any(each.optional for each in manifest.inputs) else ()
    unknown = ("unknown",) if any(each.unknown == NONE for each in manifest.inputs) else ()
    return (*RESULT_NAMES, *imputed, *unknown, *((RANK,) if selection else ()))


def input_columns(names: Sequence[str]) -> list[str]:
    """Those columns of a result that name inputs."""
    return [name for name in names if name in NAMED]


def reserved_names(manifest: Manifest, added: Collection[str] = ()) -> frozenset[str]:
    """The names of the columns that outputs add: a model is not servable where an input or a context has one of them.

    Contexts are columns of a CSV answer, so they must not have a name of its header either. `added` are further columns.
    """
    header = set(HEADER_NAMES).intersection(manifest.context_names)
    return frozenset((*result_names(manifest), *REJECT_NAMES, *header, *added))


class BadFile(ValueError):
    """The file cannot be scored at all. The message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One order of a file: its `line` and its `source`, the cells or the text as they were.

    `line` is the line it begins on, from 1; in a JSON array it is the number of the order. `order` is what is validated. If the
    row cannot be read as an order, `order` is empty, `fault` is a code of schemas.faults.CODES, and `detail` may say more.
    """

    line: int
    source: Sequence[str]
    order: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The `texts` of rows that each have one text of their own, and the `lines` they begin on."""

    lines: Sequence[int]
    texts: Sequence[str]

    def halves(self) -> "tuple[Block, Block]":
        """The first rows and the others."""
        middle = len(self.texts) // 2
        return Block(self.lines[:middle], self.texts[:middle]), Block(self.lines[middle:], self.texts[middle:])


@dataclass(frozen=True, slots=True, eq=False)
class Columns(Sequence[Row]):
    """Rows read as columns: `ids`, and in `values` a column for each of the layout's members, all of the right types.

    They are not validated otherwise. `block` is what they were read from, and `outputs` the text of each row as the output
    repeats it. `parse` makes a Row only where it is asked for.
    """

    ids: list[str]
    values: Sequence[list[Any]]
    outputs: Sequence[str]
    block: Block
    parse: Callable[[Block], list[Row]]

    def __len__(self) -> int:
        return len(self.outputs)

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return self.parse(Block(self.block.lines[at], self.block.texts[at]))
        (row,) = self.parse(Block([self.block.lines[at]], [self.block.texts[at]]))
        return row

    def __iter__(self) -> Iterator[Row]:
        return iter(self.parse(self.block))

    def take(self, positions: Sequence[int]) -> "Columns":
        """The rows at these positions."""
        block = Block([self.block.lines[at] for at in positions], [self.block.texts[at] for at in positions])
        values = [[column[at] for at in positions] for column in self.values]
        return Columns([self.ids[at] for at in positions], values, [self.outputs[at] for at in positions], block, self.parse)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a file has the order ids, the `inputs` and the `contexts` of a model, and how its text is to be read.

    `columns` has the file's names by those of the model, where they differ. With `ids_as_text` an integer is an order id too.
    A CSV file's `delimiter` and `decimal` mark are recognised where they are None, and a cell with the text `na` is an empty
    one. `reserved` are names that the output adds, so that the file must not have them. `notice` gets sentences on what was
    recognised and on what looks wrong.
    """

    inputs: Sequence[Input]
    contexts: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    ids_as_text: bool = False
    delimiter: str | None = None
    decimal: str | None = None
    reserved: Sequence[str] = ()
    na: str = ""
    notice: Callable[[str], None] = lambda _: None

    @property
    def members(self) -> list[Input]:
        """The inputs, and then the contexts as inputs of any text."""
        return [*self.inputs, *(Input(name, kind=CATEGORY, unknown=NONE) for name in self.contexts)]

    @property
    def names(self) -> dict[str, str]:
        """The file's names by those of the model: of the order id, then of each member."""
        return {name: self.columns.get(name, name) for name in ("order_id", *(each.name for each in self.members))}

    @property
    def required(self) -> set[str]:
        """The names of the model that a header must have."""
        return {"order_id", *(each.name for each in self.inputs if not each.optional), *self.contexts}


class Reader(Protocol):
    """Reads the rows of a file. Raises BadFile, also while it reads."""

    @property
    def contexts(self) -> Sequence[str]:
        """The contexts that are read."""

    @property
    def lines(self) -> int:
        """How many lines have been read."""

    def __iter__(self) -> Iterator[Row]: ...

    def blocks(self, size: int) -> Iterator[Block | list[Row]]:
        """The rows in blocks of `size`; those that have no text of their own, such as rows of several lines, as a list."""

    def columns(self, block: Block) -> Columns | None:
        """The rows of a block as columns. None if one of them is anything but an order with values of the right types."""

    def rows(self, block: Block) -> list[Row]:
        """The rows of a block, one by one."""

    def value(self, row: Row, name: str) -> Any:
        """The value of a row under any name of the file."""


class Ranked(NamedTuple):
    """n rows of a selection: the text of each up to its score, its queue, for each of the writer's `inputs` what it names, and
    its rank and the text of its explanation.
    """

    beginnings: Sequence[str]
    queues: Sequence[str]
    named: Sequence[Sequence[tuple[str, ...]]]
    ranks: Sequence[int]
    explanations: Sequence[str]


class Writer(Protocol):
    """Writes rows with their results, or rejected rows with the line and the reason."""

    def text(self, rows: Sequence[Row], scored: ScoredBatch) -> str:
        """The text of rows with their results, for `write`."""

    @property
    def inputs(self) -> Sequence[str]:
        """The columns of a result that name inputs."""

    @property
    def no_explanation(self) -> str:
        """The text of the explanation of a row that has none."""

    def explanations(self, scored: ScoredBatch) -> list[str]:
        """The text of the explanation of each row, for `ranked`."""

    def beginnings(self, rows: Sequence[Row], scored: ScoredBatch) -> list[str]:
        """The text of each row up to its score, for `ranked`."""

    def ranked(self, rows: Ranked) -> str:
        """The text of these rows, for `write`."""

    def write(self, text: str) -> object:
        """Write the text of results."""

    def results(self, scored: Iterable[tuple[Row, Result]]) -> None:
        """Write rows, each with its result."""

    def rejects(self, rejected: Iterable[tuple[Row, str]]) -> None:
        """Write rejected rows, each with the reason. The file can be scored once the rows are corrected in it."""
