"""Files changed at random: every row of each is scored or rejected, or the file as a whole. The seeds are the files."""

import csv
import gzip
import json
import random
import re
from collections import Counter

import pytest

from model.registry import loader
from schemas.formats.table import CSV, JSON
from service import config
from tests.mutated_bodies import BODIES, BYTES

CLOSING = re.compile(
    r"(\d+) orders scored by .*: (\d+) to review, (\d+) to monitor; (\d+) rows rejected(?:, see rejects)?; (\d+) lines read\.\n"
)


def as_lines(body):
    """The orders of a JSON body, a line each, with a name that the model does not know."""
    try:
        orders = json.loads(body)["orders"]
        return b"".join(json.dumps(order | {"note": [number]}).encode() + b"\n" for number, order in enumerate(orders))
    except (ValueError, TypeError, KeyError):
        return b""


def as_table(body):
    """A CSV body with a column that the model does not know."""
    return b"".join(line + b',"a ""note"""\r\n' for line in body.replace(b"\r\n", b",note\r\n", 1).splitlines())


FILES = {"jsonl": [*filter(None, map(as_lines, BODIES[JSON]))], "csv": [*BODIES[CSV], *map(as_table, BODIES[CSV])]}


def mutant(seed):
    """The name and the bytes of the file that this seed names; one in six is compressed, and half of those then changed."""
    dice = random.Random(seed)
    kind = dice.choice([*FILES])
    data = dice.choice(FILES[kind])
    for _ in range(dice.choice((1, 1, 2, 4))):
        data = dice.choice(BYTES)(data, dice) if data else b"\n"
    if dice.random() < 5 / 6:
        return f"orders.{kind}", data
    packed = gzip.compress(data, 1, mtime=0)
    return f"orders.{kind}.gz", dice.choice((packed, dice.choice(BYTES)(packed, dice)))


def rows_of(path, kind):
    """How many rows stand in a file that the command has written."""
    if not path.exists():
        return 0
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return len(list(map(json.loads, file))) if kind == "jsonl" else len(list(csv.reader(file, strict=True))) - 1


@pytest.mark.parametrize(
    "mutants",
    [400, pytest.param(8_000, marks=pytest.mark.long), pytest.param(30_000, marks=[pytest.mark.long, pytest.mark.longest])],
)
def test_every_row_of_a_file_changed_at_random_is_scored_or_rejected(run, tmp_path, monkeypatch, mutants):
    model = loader.load(config.DEFAULT_MODEL)
    monkeypatch.setattr(loader, "load", lambda *_, **__: model)
    results, rejects = tmp_path / "results", tmp_path / "rejects"
    seen = Counter()
    for number in range(mutants):
        name, data = mutant(f"file {number}")
        kind = name.split(".")[1]
        (tmp_path / name).write_bytes(data)
        results.unlink(missing_ok=True)
        rejects.unlink(missing_ok=True)
        done = run("score", name, "--out", results, "--rejects", "rejects")
        seen[kind, done.exit_code] += 1
        try:
            assert done.exception is None or isinstance(done.exception, SystemExit)
            assert "Traceback" not in done.output
            if done.exit_code == 2:
                assert "Error: " in done.stderr
                assert not results.exists()
                continue
            scored, review, monitor, rejected, _ = map(int, CLOSING.search(done.stderr).groups())
            other = "recognised the format json" in done.stderr  # a changed file may begin as one of another ending
            written = "jsonl" if other else kind
            assert scored == review + monitor == rows_of(results, written)
            assert rejected == rows_of(rejects, written)
            assert done.exit_code == (1 if rejected else 0)
            if name == "orders.jsonl" and "recognised" not in done.stderr:
                lines = re.split(r"\r\n|\r|\n", data.decode("utf-8-sig", "surrogateescape"))
                assert scored + rejected == sum(bool(line.strip(" \t\r\n")) for line in lines)
        except (AssertionError, AttributeError, ValueError, csv.Error) as error:
            raise AssertionError(f"file {number}: {data[:2000]!r}: {done.output[:2000]}") from error
    assert seen.keys() == {(kind, code) for kind in FILES for code in (0, 1, 2)}
