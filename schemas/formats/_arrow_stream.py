"""Arrow streams: their messages, and where in the body the buffers of each column are. Nothing is built of them here.

pyarrow reads a schema before it can be asked how large it is, and in a small schema many columns may share one long name. It
also makes room for what compressed buffers declare. So the metadata is read here, where all of it is bounded, and pyarrow gets
buffers of known types alone. https://arrow.apache.org/docs/format/Columnar.html describes the format.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from schemas.faults import MalformedBody
from schemas.formats._flatbuffers import INT8, INT16, INT32, INT64, Table, malformed

MOST_MESSAGES = 1000
"""More than any writer makes of a batch, and so few that the reading of each takes little time."""

MOST_NAME = 4096
_MOST_METADATA = 64
_CONTINUES = 2**32 - 1
_PREFIX, _PAIR = Struct("<Ii"), Struct("<qq")
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3  # MessageHeader
_VERSIONS = (3, 4)  # MetadataVersion: V4 and V5, which differ in unions alone
_EXTENSION = b"ARROW:extension:name"

INTEGERS = {(bits, bool(signed)): f"{'' if signed else 'u'}int{bits}" for bits in (8, 16, 32, 64) for signed in (0, 1)}
FLOATS = {0: "float16", 1: "float32", 2: "float64"}
NUMBERS = (*INTEGERS.values(), *FLOATS.values())
_INT, _FLOAT = 2, 3  # Type
_TYPES = {
    1: "null",
    4: "binary",
    5: "string",
    6: "bool",
    7: "decimal",
    8: "date",
    9: "time",
    10: "timestamp",
    11: "interval",
    15: "fixed_size_binary",
    18: "duration",
    19: "large_binary",
    20: "large_string",
    23: "binary_view",
    24: "string_view",
}
"""The types without children, by their number in the schema, but for those with a width."""

_BUFFERS = {"null": 0, "binary": 3, "string": 3, "large_binary": 3, "large_string": 3}
VIEWS = ("binary_view", "string_view")
TEXTS = ("string", "large_string", "string_view")
_OTHERS = 2  # buffers of any other type: one for nulls and one for values


class Column(NamedTuple):
    """A column: its name, and its type, None where it has another one than those above. `plain`: it is no extension type.

    With `dictionary`, the number of a dictionary, it has `indices` of this type into the values there, which have `type`.
    """

    name: str
    type: str | None
    plain: bool
    dictionary: int | None = None
    indices: str = "int32"

    @property
    def stored(self) -> str | None:
        """The type of its values in the messages of records."""
        return self.type if self.dictionary is None else self.indices


class Buffers(NamedTuple):
    """A column of a message: `rows`, `nulls` among them, and the positions in the body at which its buffers begin and end."""

    rows: int
    nulls: int
    spans: Sequence[tuple[int, int]]


class Message(NamedTuple):
    """A message: what it is, the table that describes it, and where its body is."""

    kind: int
    header: Table
    begin: int
    end: int


class Dictionary(NamedTuple):
    """A message with values of a dictionary: `number` says which. With `more` they are added to those before."""

    number: int
    more: bool
    records: Table
    message: Message


class ArrowStream:
    """The schema and the messages of a body. Raises MalformedBody unless it is one complete stream with nothing behind it."""

    def __init__(self, content: bytes) -> None:
        first, *self._messages = _messages(content)
        if first.kind != _SCHEMA:
            raise MalformedBody("the Arrow stream does not begin with a schema")
        if any(message.kind not in (_DICTIONARY, _RECORDS) for message in self._messages):
            raise MalformedBody("the Arrow stream has another message than dictionaries and record batches behind its schema")
        if first.header.number(0, INT16) != 0:
            raise MalformedBody("the Arrow stream is big-endian; write it with little-endian numbers")
        self._schema = first.header
        self.width = self._schema.count(1)
        self.rows = sum(_rows(message.header) for message in self._messages if message.kind == _RECORDS)

    def columns(self) -> list[Column]:
        """The columns, of which there are `width`."""
        return [_column(field) for field in self._schema.tables(1)]

    def __iter__(self) -> Iterator[Dictionary | tuple[Table, Message]]:
        """The dictionaries and record batches in their order."""
        for message in self._messages:
            if message.kind == _RECORDS:
                yield message.header, message
            else:
                records = message.header.table(1)
                if records is None:
                    raise malformed()
                yield Dictionary(message.header.number(0, INT64), bool(message.header.number(2, INT8)), records, message)


def buffers(records: Table, message: Message, types: Sequence[str]) -> list[Buffers]:
    """The buffers of columns of these types in a record batch."""
    rows, nodes, spans = _rows(records), records.structs(1, _PAIR), records.structs(2, _PAIR)
    views = [count for (count,) in records.structs(4, INT64)]
    if records.table(3) is not None:
        raise MalformedBody(
            "the buffers of the Arrow stream are compressed; write it without compression, and send Content-Encoding: gzip"
        )
    size = message.end - message.begin
    if any(begin < 0 or length < 0 or begin % 8 or begin + length > size for begin, length in spans):
        raise MalformedBody("a buffer of the Arrow stream is not within its message")
    if sum(length for _, length in spans) > size:
        raise MalformedBody("buffers of the Arrow stream overlap")
    found, at, viewed = list[Buffers](), 0, iter(views)
    if len(nodes) != len(types) or len(views) != sum(of in VIEWS for of in types) or any(count < 0 for count in views):
        raise malformed()
    for of, (length, nulls) in zip(types, nodes, strict=True):
        end = at + _BUFFERS.get(of, _OTHERS) + (next(viewed) if of in VIEWS else 0)
        if length != rows or not 0 <= nulls <= rows or end > len(spans):
            raise malformed()
        own = [(message.begin + begin, message.begin + begin + length) for begin, length in spans[at:end]]
        found.append(Buffers(rows, nulls, own))
        at = end
    if at != len(spans):
        raise malformed()
    return found


def _messages(content: bytes) -> Iterator[Message]:
    at = 0
    for _ in range(2 + MOST_MESSAGES):  # with the schema and the end
        prefix = content[at : at + _PREFIX.size]
        if len(prefix) < _PREFIX.size:
            raise MalformedBody("the Arrow stream has no end; close its writer before the stream is sent")
        marker, length = _PREFIX.unpack(prefix)
        if marker != _CONTINUES or length < 0 or length % 8:
            found = "the Arrow stream has something else where a message begins" if at else "the body is no Arrow stream"
            raise MalformedBody(found)
        begin = at + _PREFIX.size + length
        if length == 0:
            if at == 0:
                raise MalformedBody("the Arrow stream has no schema")
            if begin != len(content):
                raise MalformedBody("the body continues after the end of the Arrow stream")
            return
        root = Table.root(content[at + _PREFIX.size : begin])
        header, size = root.table(2), root.number(3, INT64)
        if header is None or root.number(0, INT16) not in _VERSIONS or size < 0 or size % 8:
            raise malformed()
        if begin + size > len(content):
            raise MalformedBody("the Arrow stream is cut short")
        yield Message(root.number(1, INT8), header, begin, begin + size)
        at = begin + size
    raise MalformedBody(f"the Arrow stream has more than {MOST_MESSAGES} messages; combine its record batches")


def _rows(records: Table) -> int:
    rows = records.number(0, INT64)
    if rows < 0:
        raise malformed()
    return rows


def _column(field: Table) -> Column:
    name = field.text(0, MOST_NAME + 1)
    if len(name) > MOST_NAME:
        raise MalformedBody(f"a column of the Arrow stream has a name of more than {MOST_NAME} bytes")
    if field.count(6) > _MOST_METADATA:
        raise MalformedBody("a column of the Arrow stream has more metadata than is ignored; write it without")
    plain = all(entry.text(0, len(_EXTENSION) + 1) != _EXTENSION for entry in field.tables(6))
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise malformed() from None
    encoded = field.table(4)
    if encoded is None:
        return Column(text, _type(field), plain)
    index = encoded.table(1)
    stored = "int32" if index is None else _integer(index)
    return Column(text, _type(field), plain, encoded.number(0, INT64), stored)


def _type(field: Table) -> str | None:
    number, described = field.number(2, INT8), field.table(3)
    if described is None or field.count(5) > 0:
        return None
    if number == _FLOAT:
        return FLOATS.get(described.number(0, INT16))
    return _integer(described) if number == _INT else _TYPES.get(number)


def _integer(described: Table) -> str:
    found = INTEGERS.get((described.number(0, INT32), bool(described.number(1, INT8))))
    if found is None:
        raise malformed()
    return found
