"""Scores one file of orders of a place into a file of the same name in another. Needs pyarrow."""

import os
from pathlib import PurePosixPath

from schemas.files.row import BadFile
from service.bulk.parquet_part import score_parquet
from service.bulk.part import Counts, Part, Written, record_name, rejects_name, text_of, withdraw
from service.bulk.place import Place, digest
from service.bulk.scoring import Scoring
from service.bulk.text_part import score_text
from service.offline.order_files import without_gz
from service.version import VERSION

_PARQUET = (".parquet", ".pq")
_TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson")


def score_part(source: Place, name: str, target: Place, scoring: Scoring) -> Part:
    """Score a file of orders. The results, the rejected rows and then the record get their names when they are complete.

    Raises BadFile, OSError, and ArrowException where the file is broken.
    """
    withdraw(target, name)  # now, so that no set is complete where this fails
    found, fingerprint = source.file(name), source.fingerprint(name)
    with target.draft() as results, target.draft() as rejects:
        counts = _score(source, name, results, rejects, scoring)
        if found is None or (source.file(name), source.etag(name)) != (found, fingerprint.get("etag")):
            raise BadFile("it changed while it was read")
        written = _written(results), _written(rejects) if counts.rejected else None
        if counts.rejected:
            target.publish(rejects, rejects_name(name))
        else:
            target.remove(rejects_name(name))
        target.publish(results, name)
    part = Part(name, found.size, fingerprint, scoring.made_by, VERSION, counts, *written)
    target.write(record_name(name), text_of(part))
    return part


def _score(source: Place, name: str, results: str, rejects: str, scoring: Scoring) -> Counts:
    if PurePosixPath(name).suffix.lower() in _PARQUET:
        with source.read(name) as file:
            return score_parquet(file, results, rejects, scoring)
    if PurePosixPath(without_gz(name)).suffix.lower() in _TEXTS:
        with source.stream(name) as file:
            return score_text(file, name, results, rejects, scoring)
    raise BadFile(f"its name ends in none of {', '.join(_PARQUET + _TEXTS)}, with or without .gz")


def _written(path: str) -> Written:
    with open(path, "rb") as file:
        return Written(os.path.getsize(path), digest(file))
