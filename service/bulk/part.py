"""Parts: a file of orders, scored into a file of the same name, and the record that says what made it."""

from typing import Any, TypeVar

import msgspec

from service.bulk.place import Place

Record = TypeVar("Record")

PARTS, REJECTS = "_parts", "_rejects"
"""The folders, within a folder of results, of records and of rejected rows."""

SUCCESS = "_SUCCESS.json"
"""The file, within a folder of results, that is there when all parts are complete."""

MADE_BY = f"{PARTS}/_made_by.json"
"""The file that says what makes the results of the folder."""


class Written(msgspec.Struct, frozen=True):
    """A file of results or of rejected rows: its size in bytes and its digest."""

    size: int
    sha256: str


class Counts(msgspec.Struct, frozen=True):
    """How many rows a part has, how many of them go to review, and how many are rejected."""

    rows: int = 0
    review: int = 0
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.rows + other.rows, self.review + other.review, self.rejected + other.rejected)


class MadeBy(msgspec.Struct, frozen=True):
    """What decides the results of a file: the model, the policy, and what options say of how it is read."""

    model_name: str
    model_version: str
    model_sha256: str | None
    threshold: float
    out_of_range_policy: str
    reading: dict[str, Any] = {}


class Part(msgspec.Struct, frozen=True):
    """The record of a part. It has no time, so that the same part always has the same record.

    `input_size` and `fingerprint` identify the content of the input, `service_version` is what scored it. `rejects` is None
    where no row is rejected.
    """

    name: str
    input_size: int
    fingerprint: dict[str, str]
    made_by: MadeBy
    service_version: str
    counts: Counts
    results: Written
    rejects: Written | None = None

    @property
    def files(self) -> dict[str, Written]:
        """What is written of the part, by name: its results and, if there are any, its rejected rows."""
        return {self.name: self.results} | ({} if self.rejects is None else {rejects_name(self.name): self.rejects})


class Success(msgspec.Struct, frozen=True):
    """What SUCCESS has: how many parts there are, their counts together, and what made them."""

    parts: int
    counts: Counts
    made_by: MadeBy


def record_name(name: str) -> str:
    """The name of the record of a part."""
    return f"{PARTS}/{name}.json"


def rejects_name(name: str) -> str:
    """The name of the file of the rejected rows of a part."""
    return f"{REJECTS}/{name}"


def read_record(place: Place, name: str) -> Part | None:
    """The record of a part, None if there is none. Raises OSError."""
    return read(place, record_name(name), Part)


def read(place: Place, name: str, of: type[Record]) -> Record | None:
    """The record in the file of this name, None if there is none or it is not one. Raises OSError."""
    if place.file(name) is None:
        return None
    try:
        return msgspec.json.decode(place.content(name), type=of)
    except msgspec.DecodeError:
        return None


def withdraw(place: Place, name: str) -> None:
    """Remove the record of a part, and what says that all parts are complete. Raises OSError."""
    for each in (SUCCESS, record_name(name)):
        place.remove(each)


def text_of(record: msgspec.Struct) -> bytes:
    """A record as JSON."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
