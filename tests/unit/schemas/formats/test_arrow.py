"""Arrow: the same batch and the same faults as columns of JSON, and what is no stream that can be read."""

import json
import math
import struct
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.core.manifest import Input
from schemas.faults import MalformedBody, error_list
from schemas.formats import _arrow_stream, arrow
from schemas.formats._flatbuffers import Table
from schemas.formats.table import ARROW, COLUMNS, FORMATS, BatchDecoder, RequestBody
from schemas.validation import BatchValidator
from tests.arrow_bodies import stream, table_of
from tests.decisions import scored_batch
from tests.facts import FEATURES
from tests.flat_tables import message, structs, table, text, vector
from tests.raw_orders import INPUTS, ORDERS, preparations, raw_orders

NUMBERS = BatchDecoder(BatchValidator(tuple(map(Input, FEATURES)), 100))
RAW = BatchDecoder(BatchValidator(INPUTS, 100, ("lane",), ("promised_at",)))
TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
TEXT_TYPES += [pa.dictionary(pa.uint32(), pa.large_string()), pa.dictionary(pa.int64(), pa.string_view())]
INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
EIGHT = struct.Struct("<q")


def decoded(content, decoder=NUMBERS):
    return decoder.decode(RequestBody(ARROW, content))


def by_json(columns, decoder):
    """What the format of JSON columns makes of these columns."""
    names = [name for name in columns if name != "order_id"]
    body = {"order_ids": columns["order_id"], "columns": {name: columns[name] for name in names}}
    return decoder.decode(RequestBody(COLUMNS, json.dumps(body).encode()))


def account(found):
    """All that a batch is scored, recorded and answered by."""
    faults = [
        (each.code, each.position, each.name, each.order_id, [*each.path][-1:], each.limit, each.hint) for each in found.faults
    ]
    categories = {
        name: [text if isinstance(text, str) else None for text in column] for name, column in found.categories.items()
    }
    batch = (found.batch.ids, found.batch.matrix.tobytes(), list(found.positions), found.received)
    return *batch, dict(found.context), categories, faults


def orders(count=2, **columns):
    """A table of orders of the packaged model, with other columns in place of those of the same names."""
    given = {"order_id": [f"O-{at}" for at in range(count)], **{name: [1.5] * count for name in FEATURES}}
    return pa.table(given | columns)


def rejection(content, decoder=NUMBERS):
    """The message of the error for a body that cannot be read."""
    with pytest.raises(MalformedBody) as raised:
        decoded(content, decoder)
    return str(raised.value)


@settings(max_examples=150)
@given(st.data())
def test_raw_orders_are_the_same_batch_as_in_json_in_every_type_and_in_any_record_batches(data):
    inputs, _ = data.draw(preparations())
    rows = data.draw(raw_orders(inputs))
    decoder = BatchDecoder(BatchValidator(inputs, 100, ("lane",)))
    columns = {name: [row.get(name) for row in rows] for name in ("order_id", *(each.name for each in inputs))}
    columns["lane"] = [data.draw(st.sampled_from(["north", "søuth", None])) for _ in rows]
    arrays = {}
    for name, values in columns.items():
        if any(isinstance(value, str) for value in values):
            arrays[name] = pa.array(values, pa.string()).cast(data.draw(st.sampled_from(TEXT_TYPES)))
            continue
        given = [value for value in values if value is not None]
        fitting = [of for of in INTEGERS if all(value == int(value) and value >= 0 and value < 100 for value in given)]
        fitting += [of for of in FLOATS if pa.array(given, pa.float64()).cast(of, safe=False).to_pylist() == given]
        of = data.draw(st.sampled_from(fitting))
        arrays[name] = pa.array([value if value is None or of in FLOATS else int(value) for value in values], of)
    absent = [each.name for each in inputs if each.optional and arrays[each.name].null_count == len(rows)]
    kept = {name: array for name, array in arrays.items() if name not in absent or data.draw(st.booleans())}
    found = decoded(stream(pa.table(kept), data.draw(st.integers(1, len(rows)))), decoder)
    assert found.faults == []
    assert account(found) == account(by_json(columns, decoder))


def test_once_a_body_was_answered_those_that_are_plainly_valid_are_the_same_batch_without_a_wait(monkeypatch):
    body = RequestBody(ARROW, stream(orders(40)))
    monkeypatch.setattr(arrow, "_imported", False)
    assert NUMBERS.valid(body) is None
    FORMATS["arrow"].encode(scored_batch(1))
    found = NUMBERS.valid(body)
    assert found.format == "arrow"
    assert account(found) == account(decoded(body.content))
    others = orders(backlog=["a", "b"]), orders(order_id=["a", "a"]), orders().drop_columns("backlog"), orders(0)
    assert [NUMBERS.valid(RequestBody(ARROW, stream(other))) for other in others] == [None] * 4


@pytest.mark.parametrize("of", FLOATS + INTEGERS, ids=str)
@pytest.mark.parametrize("count", [4, 40])
def test_a_number_of_any_type_is_widened_exactly(of, count):
    bound = np.finfo if of in FLOATS else np.iinfo
    ends = [bound(of.to_pandas_dtype()).min, bound(of.to_pandas_dtype()).max, 0, 1]
    plain = [float(end) for end in ends] * (count // 4)
    found = decoded(stream(orders(count, backlog=pa.array(ends * (count // 4), of))))
    assert found.batch.matrix[:, FEATURES.index("backlog")].tolist() == plain


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63 - 513, -(2**63) + 1])
def test_an_integer_beyond_what_float64_has_is_rounded_as_in_json(value):
    table = orders(40, backlog=pa.array([value] * 40, pa.int64()))
    assert account(decoded(stream(table))) == account(by_json(table.to_pydict(), NUMBERS))


def test_negative_zero_is_zero():
    found = decoded(stream(orders(backlog=[-0.0, 0.0])))
    assert {math.copysign(1, value) for value in found.batch.matrix[:, FEATURES.index("backlog")].tolist()} == {1.0}


_TEXTS = st.text(max_size=5) | st.sampled_from(["AA", "S", "EWR", "x" * 64, "x" * 65, "x" * 129, "a\tb", "", "north"])
_COLUMNS = {
    "numbers": (pa.float64(), st.floats() | st.sampled_from([0.5, math.nan, math.inf])),
    "integers": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "booleans": (pa.bool_(), st.booleans()),
    "texts": (pa.string(), _TEXTS),
    "nothing": (pa.null(), st.none()),
}


@settings(max_examples=300)
@given(st.data())
def test_faulty_columns_have_the_faults_of_columns_in_json_and_the_same_valid_orders(data):
    count = data.draw(st.integers(1, 5))
    table = {}
    for name in ("order_id", *(each.name for each in INPUTS), "lane"):
        kind = data.draw(st.sampled_from([*_COLUMNS, *(["texts"] * 6 if name == "order_id" else [])]))
        of, values = _COLUMNS[kind]
        gaps = st.none() if data.draw(st.booleans()) else st.nothing()
        given = data.draw(st.lists(values | gaps, min_size=count, max_size=count))
        fixed = data.draw(st.sampled_from([of, *TEXT_TYPES[:4]] if kind == "texts" else [of]))
        table[name] = pa.array(given, of).cast(fixed)
    found = pa.table(table)
    expected = account(by_json({name: found.column(name).to_pylist() for name in found.column_names}, RAW))
    assert account(decoded(stream(found, data.draw(st.integers(1, count))), RAW)) == expected


NAMED = {
    "missing": (lambda table: table.drop_columns(["backlog"]), {("/backlog", "missing")}),
    "no ids": (lambda table: table.drop_columns(["order_id"]), {("/order_id", "missing")}),
    "unknown": (
        lambda table: table.append_column("Backlog", table["backlog"]).append_column("a/b", table["backlog"]),
        {("/Backlog", "unknown_name"), ("/a~1b", "unknown_name")},
    ),
    "twice": (lambda table: table.append_column("backlog", table["backlog"]), {("/backlog", "duplicate_key")}),
    "far too many": (lambda table: _wide(table, 99), {("", "too_many_names")}),
    "no rows": (lambda table: table.slice(0, 0), {("", "empty_batch")}),
    "too many rows": (lambda _: orders(101), {("", "too_many_orders")}),
    "names of values": (lambda table: table.rename_columns(["A-104", "2", "3.5", "4"]), None),
}


def _wide(table, count):
    for number in range(count):
        table = table.append_column(f"x{number}", table["backlog"])
    return table


@pytest.mark.parametrize("name", NAMED)
def test_columns_that_the_model_does_not_take_are_named(name):
    change, expected = NAMED[name]
    found = decoded(stream(change(orders())))
    assert (len(found.batch), found.format) == (0, "arrow")
    errors = error_list(found.faults, FORMATS["arrow"].locate)
    expected = expected or {(f"/{each}", "missing") for each in ("order_id", *FEATURES)}
    assert {(each["pointer"], each["code"]) for each in errors} == expected


def test_the_index_of_pandas_is_an_unknown_name_whose_hint_says_how_to_leave_it_out():
    (fault,) = decoded(stream(orders().append_column("__index_level_0__", pa.array([1, 2])))).faults
    assert (fault.code, "preserve_index=False" in fault.hint) == ("unknown_name", True)


class Secret(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.float64(), "tests.secret")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        raise AssertionError("code of an extension type must not run")


FLAT = {
    "date": pa.array([1, 2], pa.date32()),
    "time": pa.array([1, 2], pa.time64("us")),
    "timestamp": pa.array([1, None], pa.timestamp("ns", "UTC")),
    "duration": pa.array([1, 2], pa.duration("s")),
    "interval": pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
    "decimal": pa.array([1, 2], pa.decimal128(9, 2)),
    "binary": pa.array([b"1", b"2"]),
    "large binary": pa.array([b"1", b"2"], pa.large_binary()),
    "binary view": pa.array([b"1", b"x" * 99], pa.binary_view()),
    "fixed size": pa.array([b"1", b"2"], pa.binary(1)),
    "dictionary of numbers": pa.array([1.5, 2.5]).dictionary_encode(),
    "dictionary of dates": pa.array([1, 2], pa.date32()).dictionary_encode(),
    "extension": pa.ExtensionArray.from_storage(Secret(), pa.array([1.5, 2.5])),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([0, 1], pa.int8())),
    "dictionary of texts": pa.array(["a", "b"]).dictionary_encode(),
    "numbers": pa.array([1, 2]),
    "nothing": pa.nulls(2),
}
NESTED = {
    "list": pa.array([[1.5], [2.5]]),
    "large list": pa.array([[1.5], [2.5]], pa.large_list(pa.float64())),
    "list view": pa.array([[1.5], [2.5]], pa.list_view(pa.float64())),
    "fixed list": pa.array([[1.5], [2.5]], pa.list_(pa.float64(), 1)),
    "struct": pa.array([{"SECRET": 1.5}, {"SECRET": 2.5}]),
    "map": pa.array([[("SECRET", 1)], []], pa.map_(pa.string(), pa.int64())),
    "union": pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])]),
    "run ends": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array([1.5])),
}
UNSUPPORTED = {**{name: FLAT[name] for name in FLAT if name not in ("dictionary of texts", "numbers", "nothing")}, **NESTED}


@pytest.mark.parametrize("name", UNSUPPORTED)
@pytest.mark.parametrize("column", ["backlog", "order_id"])
def test_a_column_of_another_type_is_rejected_by_its_name(name, column):
    found = decoded(stream(orders(**{column: UNSUPPORTED[name]})))
    (error,) = error_list(found.faults, FORMATS["arrow"].locate)
    assert (error["pointer"], error["code"]) == (f"/{column}", "unsupported_type")
    assert "cast the column" in error["detail"]
    assert "SECRET" not in error["detail"]


@pytest.mark.parametrize("name", FLAT)
def test_a_column_that_is_not_used_may_have_any_flat_type_and_does_not_move_the_others(name):
    rows = [{"order_id": order["order_id"], "promised_at": 0} | order for order in ORDERS[:2]]
    table = table_of([rows[0], rows[0] | {"order_id": "B", "month": 2, "size": None}])
    plain = table.drop_columns(["promised_at"])
    at = table.column_names.index("promised_at")
    found = decoded(stream(table.set_column(at, "promised_at", FLAT[name])), RAW)
    assert account(found) == account(decoded(stream(plain), RAW))
    assert len(found.batch) == 2


@pytest.mark.parametrize("name", NESTED)
def test_a_nested_column_is_rejected_even_where_it_is_not_used(name):
    table = table_of(ORDERS[:2]).append_column("promised_at", NESTED[name])
    assert [(each.path, each.code) for each in decoded(stream(table), RAW).faults] == [(("promised_at",), "unsupported_type")]


def test_metadata_of_the_schema_and_of_columns_is_ignored():
    fields = [pa.field(each.name, each.type, metadata={"PARQUET:field_id": "1"}) for each in orders().schema]
    table = orders().cast(pa.schema(fields, metadata={"pandas": "{" * 9999}))
    assert account(decoded(stream(table))) == account(decoded(stream(orders())))


def test_dictionaries_may_be_replaced_and_added_to_between_record_batches():
    of = pa.dictionary(pa.int32(), pa.string())
    grown = [["a", "b"], ["a", "b", None], ["a", "b", "c"], [None]]
    decoder = BatchDecoder(BatchValidator(tuple(map(Input, FEATURES)), 100, ("lane",)))
    for chunks, options in ((grown, {"emit_dictionary_deltas": True}), ([*grown[:2], ["z", "y", "a"], [None]], {})):
        lane = pa.chunked_array([pa.array(chunk, pa.string()).cast(of) for chunk in chunks])
        found = decoded(stream(orders(9).append_column("lane", lane), **options), decoder)
        assert found.context == {"lane": [text for chunk in chunks for text in chunk]}


def messages(content):
    """The messages of a valid stream, and its end."""
    found, at = [], 0
    while (length := struct.unpack_from("<i", content, at + 4)[0]) > 0:
        size = Table.root(content[at + 8 : at + 8 + length]).number(3, EIGHT)
        found.append(content[at : at + 8 + length + size])
        at += 8 + length + size
    return found, content[at:]


def patched(content, before, after):
    """The content with other bytes in the one place that has these."""
    assert content.count(before) == 1
    return content.replace(before, after)


BATCHES = stream(orders(4), 2)
(SCHEMA, FIRST, SECOND), END = messages(BATCHES)
DICTIONARY_OF_IDS = pa.array(["a", "b"]).dictionary_encode()
(OF_DICTIONARY, DICTIONARY, RECORDS), _ = messages(stream(orders(order_id=DICTIONARY_OF_IDS)))
MALFORMED = {
    "nothing": (b"\xff" * 3, "no end"),
    "a file": (b"ARROW1\0\0" + BATCHES, "is no Arrow stream"),
    "text": (b'{"orders": []}', "is no Arrow stream"),
    "parquet": (b"PAR1" + BATCHES, "is no Arrow stream"),
    "an end alone": (END, "has no schema"),
    "no end": (SCHEMA + FIRST, "has no end; close its writer"),
    "a schema alone": (SCHEMA, "has no end; close its writer"),
    "a message cut short": (SCHEMA + FIRST[:-8], "cut short"),
    "metadata cut short": (SCHEMA + FIRST[:64], "cut short"),
    "more behind the end": (BATCHES + b"\0", "continues after the end"),
    "two streams": (BATCHES * 2, "continues after the end"),
    "two schemas": (SCHEMA * 2 + FIRST + END, "another message than"),
    "no schema": (FIRST + END, "does not begin with a schema"),
    "zeros between": (SCHEMA + bytes(8) + FIRST + END, "something else where a message begins"),
    "no dictionary": (OF_DICTIONARY + RECORDS + END, "lacks the dictionary"),
    "a dictionary of no column": (SCHEMA + DICTIONARY + FIRST + END, "belongs to no column"),
    "lz4": (stream(orders(), compression="lz4"), "are compressed"),
    "zstd": (stream(orders(), compression="zstd"), "are compressed"),
    "a compressed dictionary": (
        stream(orders(order_id=pa.array(["a", "b"]).dictionary_encode()), compression="zstd"),
        "compressed",
    ),
    "the framing before format 1.0": (stream(orders(), use_legacy_format=True), "is no Arrow stream"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_body_that_is_not_one_complete_stream_is_malformed(name):
    content, message = MALFORMED[name]
    assert message in rejection(content)


def test_every_beginning_of_a_stream_is_malformed():
    for size in range(len(BATCHES)):
        rejection(BATCHES[:size])


def test_arrays_that_contradict_themselves_are_malformed():
    ids = orders(order_id=["a" * 11, "b" * 7])
    assert "contradicts" in rejection(patched(stream(ids), struct.pack("<3i", 0, 11, 18), struct.pack("<3i", 0, 19, 18)))
    assert "contradicts" in rejection(patched(stream(ids), b"aaaaaaaaaaa", b"aaaaaaaaaa\xff"))
    indices = stream(orders(order_id=pa.DictionaryArray.from_arrays(pa.array([77, 0], pa.int16()), pa.array(["a"] * 78))))
    for index in (78, -1):
        changed = patched(indices, struct.pack("<4h", 77, 0, 0, 0), struct.pack("<4h", index, 0, 0, 0))
        assert "lacks values" in rejection(changed)
    gaps, nodes = stream(orders(backlog=[None, 7.25])), struct.pack("<2q", 2, 1)
    for nulls, words in ((0, "another number of nulls"), (2, "another number"), (-1, "be read"), (3, "be read")):
        assert words in rejection(patched(gaps, nodes, struct.pack("<2q", 2, nulls)))


UTF8, NULL, VIEW, FLOAT = 5, 1, 24, 3


def schema(*fields, endianness=0):
    return message(1, table({0: ("<h", endianness), 1: vector(*fields)}))


def field(name, of, described=(), members=()):
    return table({0: text(name), 2: ("<b", of), 3: table(dict(described)), **dict(members)})


def records(rows, nodes, spans, body, views=()):
    header = {0: ("<q", rows), 1: structs("<2q", nodes), 2: structs("<2q", spans)}
    return message(3, table(header | ({4: structs("<q", [(each,) for each in views])} if views else {})), body)


DOUBLE = {0: ("<h", 2)}
FIELDS = [field(b"order_id", UTF8), *(field(name.encode(), FLOAT, DOUBLE) for name in FEATURES)]
IDS = struct.pack("<4i", 0, 1, 2, 0) + b"ab" + bytes(6)
VALUES = struct.pack("<2d", 1.5, 2.5)
SPANS = [(0, 0), (0, 12), (16, 2), *((0, 0), (24, 16)), *((0, 0), (40, 16)), *((0, 0), (56, 16))]
BODY = IDS + VALUES * 3


def test_a_stream_made_by_hand_is_read_and_big_endian_numbers_are_not():
    made = [records(2, [(2, 0)] * 4, SPANS, BODY), END]
    assert decoded(b"".join([schema(*FIELDS), *made])).batch.ids == ["a", "b"]
    assert "big-endian" in rejection(b"".join([schema(*FIELDS, endianness=1), *made]))


def test_buffers_must_be_in_their_message_and_must_not_overlap():
    for at, span, words in (
        (2, (16, 58), "not within its message"),
        (2, (-8, 2), "not within its message"),
        (2, (16, -1), "not within its message"),
        (2, (17, 2), "not within its message"),
        (2, (2**62, 2**62), "not within its message"),
        (4, (0, 72), "overlap"),
        (4, (24, 8), "contradicts its type"),
        (1, (0, 8), "contradicts its type"),
    ):
        changed = [*SPANS[:at], span, *SPANS[at + 1 :]]
        assert words in rejection(schema(*FIELDS) + records(2, [(2, 0)] * 4, changed, BODY) + END)
    for rows, nodes, spans in (
        (2, [(2, 0)] * 3, SPANS),
        (2, [(2, 0)] * 5, SPANS),
        (2, [(2, 0)] * 3 + [(1, 0)], SPANS),
        (-2, [(-2, 0)] * 4, SPANS),
        (2, [(2, 0)] * 4, SPANS[:-1]),
        (2, [(2, 0)] * 4, [*SPANS, (0, 0)]),
    ):
        assert "cannot be read" in rejection(schema(*FIELDS) + records(rows, nodes, spans, BODY) + END)


@contextmanager
def in_memory(most):
    """The block, which must take no more than so many bytes at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] <= most
    finally:
        tracemalloc.stop()


def test_a_schema_whose_columns_share_a_long_name_takes_no_memory():
    shared = field(b"x" * 2**19, FLOAT, DOUBLE)
    for count, expected in ((10**5, "too_many_names"), (15, None)):
        content = schema(*[shared] * count) + END
        with in_memory(4 * len(content)):
            if expected is None:
                assert "has a name of more than 4096 bytes" in rejection(content)
            else:
                assert [fault.code for fault in decoded(content).faults] == [expected]


def test_a_schema_that_declares_more_columns_than_it_has_takes_no_memory():
    few = schema(*[field(b"x", FLOAT, DOUBLE)] * 77)
    with in_memory(2**20):
        found = decoded(patched(few, struct.pack("<I", 77), struct.pack("<I", 2**32 - 1)) + END)
    assert [fault.code for fault in found.faults] == ["too_many_names"]


def test_rows_that_take_no_bytes_are_counted_before_they_are_built():
    nothing = [field(name.encode(), NULL) for name in ("order_id", *FEATURES)]
    content = schema(*nothing) + records(2**40, [(2**40, 2**40)] * 4, [], b"") + END
    with in_memory(2**20):
        found = decoded(content)
    assert ([fault.code for fault in found.faults], found.received) == (["too_many_orders"], 101)


@pytest.mark.parametrize("kind", ["views", "dictionary"])
def test_texts_that_are_repeated_without_bytes_are_counted_before_they_are_built(kind):
    long = "x" * 2**19
    if kind == "dictionary":
        ids = pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int8()), pa.array([long]))
    else:
        view = struct.pack("<i4sii", len(long), b"xxxx", 0, 0)
        ids = pa.Array.from_buffers(pa.string_view(), 100, [None, pa.py_buffer(view * 100), pa.py_buffer(long.encode())])
    content = stream(orders(100, order_id=ids))
    assert len(content) < 2**20
    with in_memory(3 * 2**20):
        assert "larger than the largest batch" in rejection(content)


def test_a_view_of_a_missing_text_may_have_any_length():
    view = struct.pack("<i12s", 1, b"a") + struct.pack("<i4sii", 2**31 - 1, b"xxxx", 7, 7)
    nulls = pa.py_buffer(b"\x01")
    ids = pa.Array.from_buffers(pa.string_view(), 2, [nulls, pa.py_buffer(view)])
    assert [(fault.code, fault.position) for fault in decoded(stream(orders(order_id=ids))).faults] == [("null", 1)]


def test_a_stream_has_a_bounded_number_of_messages():
    empty = records(0, [(0, 0)] * 4, [(0, 0)] * 9, b"")
    one = records(2, [(2, 0)] * 4, SPANS, BODY)
    most = _arrow_stream.MOST_MESSAGES
    assert len(decoded(schema(*FIELDS) + empty * (most - 1) + one + END).batch) == 2
    assert f"more than {most} messages" in rejection(schema(*FIELDS) + empty * most + one + END)


def test_a_column_with_more_metadata_than_is_looked_at_is_malformed():
    entry = table({0: text(b"k"), 1: text(b"v")})
    described = [field(b"order_id", UTF8, members={6: vector(*[entry] * 65)}), *FIELDS[1:]]
    assert "more metadata" in rejection(schema(*described) + records(2, [(2, 0)] * 4, SPANS, BODY) + END)
