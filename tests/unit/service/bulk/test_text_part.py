"""Files of text, scored as parts: the oracle is `delivery-risk score`."""

import gzip
import json

import pytest

from model.artifact import model_file
from schemas.files.row import BadFile
from service.bulk.part import Counts
from service.bulk.scoring import Scoring
from service.bulk.text_part import score_text
from service.offline.order_files import Given
from tests.raw_orders import ORDERS, raw_model

RAW = raw_model()
VALID = [order | {"order_id": f"O-{at}", "lane": "=1+1"} for at, order in enumerate(ORDERS * 3)]
FAULTY = [*VALID[:5], VALID[5] | {"distance": None}, *VALID[6:9], VALID[2], {"order_id": "\t"}, *VALID[9:]]


def cells(orders, delimiter=","):
    names = ("order_id", "lane", "backlog", "distance", "carrier", "depot", "size", "month")
    rows = [names, *([order.get(name) for name in names] for order in orders)]
    return "".join(delimiter.join("" if cell is None else str(cell) for cell in row) + "\n" for row in rows)


def lines(orders):
    return "".join(json.dumps(order) + "\n" for order in orders)


TEXTS = {
    "orders.csv": cells(FAULTY),
    "orders.tsv": cells(FAULTY, "\t").replace("1.5", "1,5"),
    "valid.csv": cells(VALID),
    "orders.jsonl": lines(FAULTY) + "no order\n",
    "array.ndjson": json.dumps(FAULTY),
    "latin.csv": "\ufeff" + cells(FAULTY),
    "header.csv": cells([]),
}


def scored(tmp_path, name, content, **given):
    results, rejects = str(tmp_path / "results"), str(tmp_path / "rejects")
    (tmp_path / name).write_bytes(content)
    with open(tmp_path / name, "rb") as source:
        counts = score_text(source, name, results, rejects, Scoring(RAW, "review", Given(**given)))
    return counts, *((tmp_path / each).read_bytes() if (tmp_path / each).exists() else None for each in ("results", "rejects"))


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(("name", "text"), TEXTS.items(), ids=TEXTS)
def test_a_file_has_the_bytes_of_results_and_rejects_that_score_writes(run, tmp_path, name, text, ending):
    content = gzip.compress(text.encode()) if ending else text.encode()
    counts, *found = scored(tmp_path, name + ending, content)
    (tmp_path / "raw.npz").write_bytes(model_file.dumps(RAW))
    done = run("score", name + ending, "--model", "raw.npz", "--out", f"out{ending}", "--rejects", f"bad{ending}")
    assert done.exit_code == (1 if counts.rejected else 0)
    expected = [
        (tmp_path / f"{each}{ending}").read_bytes() for each in ("out", "bad") if (tmp_path / f"{each}{ending}").exists()
    ]
    assert [each for each in found if each is not None] == expected
    assert (found[1] is None) is (counts.rejected == 0)


def test_the_counts_are_those_of_the_rows(tmp_path):
    counts, results, rejects = scored(tmp_path, "orders.csv", cells(FAULTY).encode())
    assert counts == Counts(14, results.count(b",review,"), 3)
    assert (results.count(b"\n"), rejects.count(b"\n")) == (1 + 11, 1 + 3)


def test_a_file_is_read_as_is_given(tmp_path):
    text = cells(VALID, ";").replace("distance", "km").encode("utf-16")
    given = {"encoding": "utf-16", "delimiter": ";", "columns": {"distance": "km"}}
    counts, results, rejects = scored(tmp_path, "orders.csv", text, **given)
    assert (counts.rows, counts.rejected, rejects) == (12, 0, None)
    assert results.startswith(b"order_id;lane;backlog;km;")


BROKEN = {
    "empty.csv": (b"", "the file is empty"),
    "parquet.csv": (b"PAR1", "it is a Parquet file; `delivery-risk bulk` scores it"),
    "cut.csv.gz": (gzip.compress(cells(VALID).encode())[:-20], "its compressed content is broken"),
    "names.csv": (b"a,b\n1,2\n", "the first line has none of the columns order_id, "),
    "result.csv": (
        b"score," + cells(VALID).encode(),
        "the header has a column score, which is a column of the output; rename it",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), [(name, *each) for name, each in BROKEN.items()], ids=BROKEN)
def test_a_file_that_cannot_be_read_is_rejected(tmp_path, name, content, message):
    with pytest.raises(BadFile) as raised:
        scored(tmp_path, name, content)
    assert str(raised.value).startswith(message)
