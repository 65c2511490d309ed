"""Ids that are repeated, against a count of all of them in memory."""

import random
from collections import Counter

import duckdb
import pyarrow as pa
import pytest

from service.bulk import id_table
from service.bulk.errors import BulkError
from service.bulk.id_table import SCHEMA, SHOWN, Repeated, repeats


def batches(rows, size=50):
    """Record batches of (id, part, row)."""
    for begin in range(0, len(rows), size):
        columns = zip(*rows[begin : begin + size], strict=True)
        yield pa.record_batch([pa.array(column, of) for column, of in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA)


def expected(rows):
    places = {}
    for id, part, row in rows:
        places.setdefault(id, []).append((part, row))
    found = sorted((each for each in places.items() if len(each[1]) > 1), key=lambda each: each[1][0])
    return [Repeated(id, len(at), at[:SHOWN]) for id, at in found]


def drawn(seed):
    """Rows in the order of their parts, with ids of which some are drawn again."""
    random.seed(seed)
    ids = [random.choice(["", "Ω", "a'b", "7"]) + str(random.randrange(400)) for _ in range(random.randrange(1, 500))]
    return [(id, at // 90, at % 90 + 1) for at, id in enumerate(ids)]


@pytest.mark.parametrize("seed", range(12))
def test_the_ids_that_occur_more_than_once_are_found_with_their_places(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(id_table, "_PASS", 100)
    rows = drawn(seed)
    given = random.sample(rows, len(rows))  # in another order, so that "first" is not what comes first
    found, all_repeated = repeats(batches(given), str(tmp_path), 1), expected(rows)
    assert (found.ids, found.repeated) == (len(rows), len(all_repeated))
    assert found.first == all_repeated[:SHOWN]


def test_different_ids_with_one_hash_are_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(id_table, "_HASH", "CREATE MACRO hashed(text) AS hash(length(text))")
    rows = drawn(3)
    assert Counter(len(id) for id, _, _ in rows).most_common(1)[0][1] > 30
    assert repeats(batches(rows), str(tmp_path), 1).repeated == len(expected(rows))


def test_no_ids_at_all_are_not_repeated(tmp_path):
    assert repeats(iter(()), str(tmp_path), 1) == id_table.Repeats(0, 0, [])


def test_what_reading_the_ids_raises_is_raised(tmp_path):
    def broken():
        yield from batches([("a", 0, 1)])
        raise OSError("the store is gone")

    with pytest.raises(OSError, match=r"^the store is gone$"):
        repeats(broken(), str(tmp_path), 1)


def test_an_interrupt_while_ids_are_read_is_not_taken_for_an_error(tmp_path):
    def interrupted():
        yield from batches([("a", 0, 1)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repeats(interrupted(), str(tmp_path), 1)


def test_too_little_memory_is_an_error_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(id_table, "_MEMORY", "1MB")
    with pytest.raises(BulkError, match=r"^the ids cannot be compared: "):
        repeats(batches(drawn(1)), str(tmp_path), 1)


@pytest.mark.parametrize(
    "statement",
    ["INSTALL httpfs", "LOAD httpfs", "FROM read_csv('/etc/hostname')", "SET memory_limit = '1GB'", "ATTACH 'other.duckdb'"],
)
def test_the_database_loads_no_extension_reads_no_other_file_and_keeps_its_settings(tmp_path, statement):
    with id_table._database(str(tmp_path), 1) as connection, pytest.raises(duckdb.Error, match=r"disabled|locked"):
        connection.execute(statement)
