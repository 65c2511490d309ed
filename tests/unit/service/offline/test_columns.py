"""Files read by columns have the same outputs as row by row. The seeds are the files; the oracle reads each row on its own."""

import io
import json
import random
from collections import Counter
from functools import cache
from itertools import islice

import pytest

from model.packaged import packaged_model
from schemas.explanation import EXPLAIN
from schemas.files import csv_reader, explanation_cells
from schemas.files.row import RANK, RESULT_NAMES, BadFile, Columns, Layout, Ranked
from schemas.files.table import FILES
from schemas.result import POLICIES, named, queues, results
from schemas.validation import BatchValidator
from service.offline import chunks
from service.offline.chunks import score_chunks
from service.scoring.batch import Options
from tests.facts import FEATURES, INPUTS
from tests.order_files import opened

MODEL = packaged_model()
ADDED = {"model_name": 'a,b;"c"', "threshold": 0.5}
NAMES = ("order_id", *FEATURES)
NUMBERS = ["0", "3", "-0", "-0.0", "7.25", "1e0", "1E-5", "0.1e+1", "12", "0,5", "1,234", "123456789012345678901", "4.9e-324"]
ODD_NUMBERS = [
    *("", " 1", "1 ", "\t1", "1\x0b", "\xa01", "01", "1.", ".5", "+1", "1_0", "NaN", "Infinity", "1e400", "1e308", "-1e308"),
    *("null", "true", "[1]", "1]", "]", '"1"', "1:", "{}", "9" * 310, "9" * 410, "1" * 5000, "-1", "11", "1,5", "1.5", "1 2"),
    *("0x1", "١", "=1", "\0"),
]
TEXTS = ["", "x", "é", "東京🚚", "a:b", "=1+1", "-x", "@y", "1", "a b", "\x7f", "\x85", "\u2028", "\x0b", "\x1c", "'"]
ODD_TEXTS = [
    *('"', '""', 'a"b', '"a', ",", ";", "\t", "|", "a\nb", "a\rb", "\r", "\n", "\0", "\udce9", "\\", "\\u003a", "\\ud800"),
    "x" * 129,
]

JSON_TEXTS, JSON_ODD_TEXTS = ([json.dumps(each, ensure_ascii=False) for each in texts] for texts in (TEXTS, ODD_TEXTS))
JSON_CARRIED = [*JSON_TEXTS, "1", "1.5", "null", "true"]
JSON_ODD_CARRIED = [*ODD_NUMBERS, *(f'"{each}"' for each in ODD_TEXTS), "[1, {}]", '{"a": 1, "a": 2}']


def pick(dice, usual, odd):
    return dice.choice(odd if dice.random() < 0.02 else usual)


def csv_file(dice):
    """Rows of CSV in some dialect; most cells are quoted where they must be, some where they need not be, and some not."""
    delimiter, end = dice.choice([*",,,;;\t|"]), dice.choice(["\n", "\n", "\r\n", "\r"])
    first = ""
    if dice.random() < 0.1:
        delimiter = dice.choice([*".-0em:1"])
        first = f"sep={delimiter}{end}"
    quote = dice.choice([0.0, 0.0, 0.02, 1.0])
    columns = [*NAMES, *dice.choices(("note", "", "line"), k=dice.randrange(3))]
    dice.shuffle(columns)
    numbers = [each for each in NUMBERS if "," not in each] if dice.random() < 0.5 else NUMBERS
    if dice.random() < 0.3:
        numbers = [each.replace(".", ",") for each in NUMBERS]

    def cell(text):
        needed = any(sign in text for sign in (delimiter, '"', "\n", "\r")) and (text in columns or dice.random() < 0.8)
        return '"' + text.replace('"', '""') + '"' if needed or dice.random() < quote else text

    def row(number):
        for name in columns:
            if name == "order_id":
                yield pick(dice, [f"O-{number}", str(number)], [*TEXTS, *ODD_TEXTS, f"O-{number - 1}", "O-0"])
            else:
                yield pick(dice, numbers, ODD_NUMBERS) if name in FEATURES else pick(dice, TEXTS, ODD_TEXTS)

    rows = [columns, *(row(number) for number in range(dice.randrange(30)))]
    ends = ["\n", "\r\n", "\n\n", " \n", delimiter + end]
    return first + "".join(delimiter.join(map(cell, each)) + pick(dice, [end], ends) for each in rows)


def json_texts(dice, *spacings):
    """Orders in JSON: most have the same names in the same order."""
    names = [*NAMES, *dice.choices(("note", "a:b", "line", "ü", "score"), weights=(9, 3, 3, 3, 1), k=dice.randrange(3))]
    dice.shuffle(names)
    comma, colon = dice.choice([(",", ":"), (", ", ": "), (" ,\t", " :  "), *spacings])
    numbers = [each for each in NUMBERS if "," not in each]

    def value(name, number):
        if name == "order_id":
            usual = [f'"O-{number}"'] if dice.random() < 0.9 else [str(number)]
            return pick(dice, usual, [*JSON_TEXTS, *JSON_ODD_TEXTS, '"O-0"', str(number - 1), "null"])
        return pick(dice, numbers, ODD_NUMBERS) if name in FEATURES else pick(dice, JSON_CARRIED, JSON_ODD_CARRIED)

    for number in range(dice.randrange(1, 30)):
        members = [f'"{name}"{colon}{value(name, number)}' for name in names]
        if dice.random() < 0.02:
            dice.choice([members.reverse, members.pop, lambda members=members: members.append(dice.choice(members))])()
        yield "{" + comma.join(members) + pick(dice, ["}"], [" }", "}}", ", }", "", '} {"a": 1}', "},{}"])


def file_of(seed):
    """The format and the text of a file; in one of three, some characters are changed."""
    dice = random.Random(seed)
    kind = dice.choice(["csv", "csv", "jsonl", "json"])
    if kind == "csv":
        text = csv_file(dice)
    elif kind == "jsonl":
        text = "".join(each + pick(dice, ["\n"], ["\r\n", "\n\n", "\n \n", " \n", "\u2028\n"]) for each in json_texts(dice))
    else:
        text = (
            "["
            + dice.choice([",", ",\n", " , "]).join(json_texts(dice, (",\n  ", ": "), (" \r\n,", ":\r")))
            + dice.choice(["]", "]", "]\n", ""])
        )
    for _ in range(dice.choice((0, 0, 0, 0, 1, 3))):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice([*NUMBERS, *ODD_NUMBERS, *TEXTS, *ODD_TEXTS]) + text[at + dice.randrange(4) :]
    return kind, text


class RowByRow:
    """The rows of a reader, each read on its own."""

    def __init__(self, reader):
        self._reader, self.contexts = reader, reader.contexts

    def blocks(self, size):
        rows = iter(self._reader)
        while block := list(islice(rows, size)):
            yield block


def outputs(seed, kind, text, rows_of, seen):
    """All that the outputs of a file with the options of this seed depend on."""
    dice, notices, results_file, rejects_file = random.Random(f"options {seed}"), [], io.StringIO(), io.StringIO()
    added, style = dice.choice(({}, ADDED)), {"safe": dice.random() < 0.3} if kind == "csv" else {}
    columns = {"order_id": "order_id"} if dice.random() < 0.5 else {}
    decimal = dice.choice((None, None, None, ".", ","))
    layout = Layout(
        INPUTS, (), columns, bool(columns), decimal=decimal, reserved=(*RESULT_NAMES, *added), notice=notices.append
    )
    policy, how = dice.choice(POLICIES), dice.choice(("pairs", "ranked", *["text"] * 6))
    names = (*RESULT_NAMES, *([RANK] if how == "ranked" else []))
    options = Options(policy, explain=dice.choice((None, None, *EXPLAIN)))
    explained = explanation_cells.names(FEATURES, None) if options.explain else ()
    lines, error = 0, ""
    try:
        reader = FILES[kind].reader(FILES[kind].pieces(opened(text)), layout)
        writer = FILES[kind].writer(
            results_file, reader, rejected=False, names=names, added=added, explained=explained, **style
        )
        rejects = FILES[kind].writer(rejects_file, reader, rejected=True, **style)
        for chunk in score_chunks(MODEL, rows_of(reader), options):
            seen[kind, isinstance(chunk.rows, Columns)] += len(chunk.rows)
            if how == "pairs":
                writer.results(zip(chunk.rows, results(chunk.scored), strict=True))
            elif how == "ranked":
                beginnings, inputs = writer.beginnings(chunk.rows, chunk.scored), named(chunk.scored, writer.inputs)
                ranks, explanations = [row.line for row in chunk.rows], writer.explanations(chunk.scored)
                writer.write(writer.ranked(Ranked(beginnings, queues(chunk.scored), inputs, ranks, explanations)))
            else:
                writer.write(writer.text(chunk.rows, chunk.scored))
            rejects.rejects(chunk.rejected)
        lines = reader.lines
    except BadFile as bad:
        error = str(bad)
    return results_file.getvalue(), rejects_file.getvalue(), lines, notices, error


@pytest.mark.parametrize("files", [5_000, pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.longest])])
def test_files_have_the_same_outputs_by_columns_and_row_by_row(monkeypatch, files):
    monkeypatch.setattr(chunks, "_FEW", 1)
    monkeypatch.setattr(csv_reader, "_PIECE", 2)
    monkeypatch.setattr(chunks, "BatchValidator", cache(BatchValidator))
    seen = Counter()
    for number in range(files):
        seed = f"file {number}"
        monkeypatch.setattr(chunks, "CHUNK", (3, 12, 100)[number % 3])
        kind, text = file_of(seed)
        by_columns = outputs(seed, kind, text, lambda reader: reader, seen)
        assert by_columns == outputs(seed, kind, text, RowByRow, Counter()), (seed, text)
    assert all(seen[kind, True] > seen[kind, False] / 2 for kind in FILES), seen
