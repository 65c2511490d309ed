"""Whether a folder of results is what its records say: each file has its size and digest, and SUCCESS agrees."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from service.bulk.errors import BulkError
from service.bulk.part import (
    MADE_BY,
    PARTS,
    REJECTS,
    SUCCESS,
    Counts,
    MadeBy,
    Part,
    Success,
    Written,
    read,
    read_record,
    record_name,
)
from service.bulk.place import Found, Place, digest, is_hidden


@dataclass(frozen=True, slots=True)
class Difference:
    """What is wrong with the file of this name, below the results."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The parts whose results are as recorded, by name, and the `differences` of everything else."""

    parts: list[Part]
    differences: list[Difference]


def check(target: Place, jobs: int) -> Checked:
    """Compare all files of the results with their records, so many at a time. Raises BulkError and OSError."""
    made_by = read(target, MADE_BY, MadeBy)
    if made_by is None:
        raise BulkError(f"{target.url}: has no results of bulk; give the OUT of a run")
    files = {file.name: file for file in target.files()}
    begin, end = len(f"{PARTS}/"), -len(".json")
    names = [name[begin:end] for name in files if name.startswith(f"{PARTS}/") and name != MADE_BY]
    with ThreadPoolExecutor(jobs) as pool:
        records = dict(zip(names, pool.map(partial(read_record, target), names), strict=True))
        parts = [part for name, part in records.items() if part is not None and part.name == name]
        found = list(pool.map(lambda part: list(_of_part(target, files, part, made_by)), parts))
    wrong = [name for name, part in records.items() if part is None or part.name != name]
    differences = [Difference(record_name(name), "is not a record of this part") for name in wrong]
    differences += [each for of_part in found for each in of_part]
    differences += [*_unrecorded(files, parts), *_of_success(target, files, parts, made_by)]
    right = [part for part, each in zip(parts, found, strict=True) if part.name not in {of_part.name for of_part in each}]
    return Checked(right, differences)


def _of_part(target: Place, files: Mapping[str, Found], part: Part, made_by: MadeBy) -> Iterator[Difference]:
    if part.made_by != made_by:
        yield Difference(record_name(part.name), f"has another model, policy or reading than {MADE_BY}")
    for name, written in part.files.items():
        reason = _of_file(target, files.get(name), written)
        if reason is not None:
            yield Difference(name, reason)


def _of_file(target: Place, found: Found | None, written: Written) -> str | None:
    if found is None:
        return "is missing"
    if found.size != written.size:
        return f"has {found.size} bytes; its record has {written.size}"
    with target.read(found.name) as file:
        return None if digest(file) == written.sha256 else "has another SHA-256 than its record"


def _unrecorded(files: Mapping[str, Found], parts: list[Part]) -> Iterator[Difference]:
    """Files that a reader of all results takes for a part, and rejected rows, without a record."""
    recorded = {name for part in parts for name in part.files}
    for name in files.keys() - recorded:
        if name.startswith(f"{REJECTS}/") or not is_hidden(name):
            yield Difference(name, f"has no record in {PARTS}")


def _of_success(target: Place, files: Mapping[str, Found], parts: list[Part], made_by: MadeBy) -> Iterator[Difference]:
    if SUCCESS not in files:
        yield Difference(SUCCESS, "is missing: the set is not complete; run it again")
        return
    success, counts = read(target, SUCCESS, Success), sum((part.counts for part in parts), Counts())
    if success is None:
        yield Difference(SUCCESS, "is not readable")
        return
    for what, said, found in (
        ("number of parts", success.parts, len(parts)),
        ("counts", success.counts, counts),
        ("model, policy or reading", success.made_by, made_by),
    ):
        if said != found:
            yield Difference(SUCCESS, f"has another {what} than the records")
