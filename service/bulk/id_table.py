"""Ids that are in a set of parts more than once, found on disk, so that memory does not grow with them. Needs duckdb."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from service.bulk.errors import BulkError
from service.bulk.place import first_line

SHOWN = 10
"""Ids that are shown, and places of each."""

SCHEMA = pa.schema([("id", pa.string()), ("part", pa.uint32()), ("row", pa.int64())])
"""What a table is made of: an id, the number of its part, and its row in it."""

_MEMORY = "128MB"
_PASS = 2**25
"""Ids whose hashes are grouped at a time: the disk that this takes is about 1 GB."""

_HASHES = 2**64
_HASH = "CREATE MACRO hashed(text) AS hash(text)"


@dataclass(frozen=True, slots=True)
class Repeated:
    """An id that occurs so many `times`, and its first places: the number of the part, and the row."""

    id: str
    times: int
    places: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Repeats:
    """How many `ids` there are, how many of them are `repeated`, and the `first` of these."""

    ids: int
    repeated: int
    first: list[Repeated]


def repeats(batches: Iterable[Any], folder: str, jobs: int) -> Repeats:
    """What is repeated in record batches of SCHEMA. Raises BulkError where memory or the disk of the folder is too small.

    What the batches raise is raised. The folder is of this machine, and gets about 20 bytes an id, and 1 GB.
    """
    failed: list[BaseException] = []
    with _database(folder, jobs) as connection, _errors(failed):
        connection.execute(_HASH)
        connection.register("batches", pa.RecordBatchReader.from_batches(SCHEMA, _kept(batches, failed)))
        connection.execute("CREATE TABLE ids AS SELECT id, hashed(id) AS hash, part, row FROM batches")
        ids = _number(connection, "FROM ids SELECT count(*)")
        connection.execute("CREATE TABLE shared (hash UBIGINT)")
        passes = -(-ids // _PASS)
        for number in range(passes):
            between = [number * _HASHES // passes, (number + 1) * _HASHES // passes - 1]
            connection.execute(
                "INSERT INTO shared SELECT hash FROM ids WHERE hash BETWEEN ? AND ? GROUP BY hash HAVING count(*) > 1", between
            )
        connection.execute(
            "CREATE TABLE repeated AS SELECT id, count(*) AS times, min((part, row)) AS first FROM ids "
            "WHERE hash IN (FROM shared) GROUP BY id HAVING count(*) > 1"
        )
        first = connection.execute("FROM repeated SELECT id, times ORDER BY first LIMIT ?", [SHOWN]).fetchall()
        found = [Repeated(id, times, _places(connection, id)) for id, times in first]
        return Repeats(ids, _number(connection, "FROM repeated SELECT count(*)"), found)


@contextmanager
def _database(folder: str, jobs: int) -> Iterator[Any]:
    """A database in a folder. It reads no other file, and loads no extension."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": jobs,
        "temp_directory": f"{folder}/temporary",
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    with duckdb.connect(f"{folder}/ids.duckdb", config=config) as connection:
        for each in ("enable_external_access = false", "lock_configuration = true"):
            connection.execute(f"SET {each}")
        yield connection


def _kept(batches: Iterable[Any], failed: list[BaseException]) -> Iterator[Any]:
    """The batches. What they raise is kept, since the database raises an error of its own instead."""
    try:
        yield from batches
    except BaseException as error:
        failed.append(error)
        raise


@contextmanager
def _errors(failed: list[BaseException]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if failed:
            raise failed[0] from None
        if isinstance(error, duckdb.Error):
            raise BulkError(f"the ids cannot be compared: {first_line(error)}") from None
        raise


def _places(connection: Any, id: str) -> list[tuple[int, int]]:
    found = "FROM ids SELECT part, row WHERE hash = hashed(?) AND id = ? ORDER BY part, row LIMIT ?"
    return list(connection.execute(found, [id, id, SHOWN]).fetchall())


def _number(connection: Any, query: str) -> int:
    (found,) = connection.execute(query).fetchone()
    return int(found)
