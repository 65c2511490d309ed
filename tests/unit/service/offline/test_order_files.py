"""How a file of orders is recognised: its encoding, its format and its dialect, or what it is instead."""

import gzip
import hashlib
import io
import json
import zipfile

import pyarrow as pa
import pytest

from model.packaged import packaged_model
from schemas.files.row import BadFile
from service.offline.chunks import score_chunks
from service.offline.order_files import Given, read_orders
from service.scoring.batch import Options
from tests.facts import ORDERS, SCORES
from tests.order_files import HEADER, JSON_LINE, ROWS, many

MODEL = packaged_model()
TABLE = HEADER + ROWS
SEMICOLONS = TABLE.replace(",", ";").replace(";2;1\n", ";2,0;1\n").replace(";8;9", ";8,0;9").replace(";5;4", ";5,0;4")
LINES = "".join(json.dumps(order) + "\n" for order in ORDERS)
ARRAY = json.dumps(ORDERS)
BOM = "\ufeff"
NOTHING = Given()

# The name of a file, its bytes, and what is said of it.
SAME_ORDERS = {
    "CSV": ("o.csv", TABLE.encode(), ""),
    "a tab file": ("o.tsv", TABLE.replace(",", "\t").encode(), "recognised tabs between cells"),
    "semicolons and decimal commas": ("o.csv", SEMICOLONS.encode(), "recognised semicolons between cells and decimal commas"),
    "a line sep=": ("o.csv", ("sep=;\r\n" + SEMICOLONS).encode(), "recognised semicolons"),
    "two byte order marks": ("o.csv", (BOM * 2 + TABLE).encode(), ""),
    "UTF-16 with a mark": ("o.csv", TABLE.encode("utf-16"), "recognised UTF-16; --encoding sets another"),
    "big-endian UTF-16 without a mark": ("o.csv", TABLE.encode("utf-16-be"), "recognised UTF-16-BE"),
    "UTF-16 of semicolons, gzipped": ("o.csv.gz", gzip.compress(SEMICOLONS.encode("utf-16-le")), "decimal commas"),
    "UTF-32": ("o.csv", TABLE.encode("utf-32"), "recognised UTF-32"),
    "JSON lines": ("o.jsonl", LINES.encode(), ""),
    "JSON lines of UTF-16": ("o.jsonl", LINES.encode("utf-16"), "recognised UTF-16"),
    "JSON lines named .json": ("o.json", LINES.encode(), "recognised the format jsonl; --format sets another"),
    "JSON lines named .CSV": ("o.CSV", LINES.encode(), "recognised the format jsonl"),
    "JSON lines without an ending": ("orders", LINES.encode(), ""),
    "a JSON array": ("o.json", ARRAY.encode(), ""),
    "an array in lines": ("o.jsonl", json.dumps(ORDERS, indent=2).encode(), "recognised the format json;"),
    "names in brackets": ("orders", "".join(f"[k],{line}" for line in TABLE.splitlines(True)).encode(), ""),
    "a request": ("o.json", json.dumps({"orders": ORDERS}).encode("utf-16"), "recognised UTF-16"),
}


def opened(name, stream, given=NOTHING, notice=lambda _: None, **more):
    return read_orders(name, stream, None, given, given.layout(MODEL.manifest.inputs, notice=notice, **more))


def scores(source):
    return [score for chunk in score_chunks(MODEL, source.reader, Options("review")) for score in chunk.scored.scores.scores]


def error(name, content, given=NOTHING):
    """The message for a file of this content."""
    with pytest.raises(BadFile) as raised, opened(name, io.BytesIO(content), given) as source:
        scores(source)
    return str(raised.value)


@pytest.mark.parametrize(("name", "content", "said"), SAME_ORDERS.values(), ids=SAME_ORDERS)
def test_the_same_orders_have_the_same_scores_in_any_file(name, content, said):
    notices = []
    with opened(name, io.BytesIO(content), notice=notices.append) as source:
        assert scores(source) == pytest.approx(SCORES, rel=0, abs=1e-14)
    assert (said in "; ".join(notices), bool(notices)) == (True, bool(said))


UNREADABLE = {
    "PAR1": "a Parquet file; `delivery-risk bulk` scores it, if its name ends in .parquet",
    "\x28\xb5\x2f\xfd": "compressed by zstd; compress it by gzip, or not",
    "\xd0\xcf\x11\xe0": "an Excel workbook; export it as CSV",
}


@pytest.mark.parametrize(("begins", "what"), UNREADABLE.items())
def test_a_file_of_another_kind_is_named(begins, what):
    assert error("orders.csv", begins.encode("latin-1") + bytes(100)) == f"it is {what}"


def test_a_workbook_is_named():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert error("orders.xlsx", content.getvalue()) == "it is an Excel workbook or another zip archive; export it as CSV"


@pytest.mark.parametrize("name", ["orders.csv", "orders.jsonl", "orders.json"])
@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["plain", "gzipped"])
def test_a_file_of_no_bytes_is_an_error_in_any_format(name, content):
    assert error(name, content) == "the file is empty"


def test_an_encoding_that_is_given_is_used():
    content = TABLE.replace("first", "Straße").encode("cp1252")
    with opened("orders.csv", io.BytesIO(content), Given(encoding="cp1252")) as source:
        first = next(iter(source.reader))
        assert source.reader.value(first, "note") == "Straße"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_file_that_is_not_in_its_encoding_is_an_error(encoding):
    said = error("orders.csv", TABLE.encode(encoding) + b"x")
    assert said.startswith(f"not all of it is {encoding}")
    assert said.endswith("; give its --encoding")


@pytest.mark.parametrize(("place", "size"), [(-5, None), (12, None), (12, -2000)], ids=["digest", "data", "end"])
def test_broken_compressed_content_is_an_error(place, size):
    content = bytearray(gzip.compress(many(12_000).encode()))
    content[place] ^= size is None
    assert error("orders.csv", content[:size]) == "its compressed content is broken"


@pytest.mark.parametrize("option", ["delimiter", "decimal", "na"])
def test_an_option_for_csv_is_an_error_where_the_file_is_json(option):
    assert error("o", JSON_LINE.encode(), Given(**{option: ","})) == f"--{option} is for CSV; JSON has no cells"


def test_a_column_for_an_input_that_the_model_has_not_is_an_error():
    given = Given(columns={"backlog": "a", "urgency": "b"})
    with pytest.raises(BadFile, match=r"^--rename urgency: the model has no such input$"):
        given.layout(MODEL.manifest.inputs)
    assert given.layout(MODEL.manifest.inputs, contexts=["urgency"]).columns == given.columns


class Reading:
    """A stream that has `readinto` alone, and an error after the first bytes."""

    def __init__(self, content, fault):
        self._parts = [content, fault]

    def readinto(self, buffer):
        part = self._parts.pop(0)
        if isinstance(part, Exception):
            raise part
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), OSError("Input/output error")])
def test_an_error_of_reading_is_one_of_the_file(fault):
    with pytest.raises(BadFile, match=r"^Input/output error$"), opened("o.csv", Reading(TABLE.encode(), fault)) as source:
        scores(source)


def test_an_error_of_writing_in_the_block_is_none_of_the_file():
    with pytest.raises(OSError, match="No space left"), opened("o.csv", io.BytesIO(TABLE.encode())):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("open_bytes", [io.BytesIO, pa.BufferReader])
def test_files_of_python_and_of_pyarrow_are_read_and_digested_to_their_ends(pack, open_bytes):
    content = pack(many(150_000).encode())  # packed, it is more than gzip reads at once
    with open_bytes(content) as stream:
        with opened("o.csv", stream) as source:
            assert source.raw.tell() < len(content)
            assert sum(1 for _ in source.reader) == 150_000
            assert (source.raw.sha256(), source.raw.tell()) == (hashlib.sha256(content).hexdigest(), len(content))
        assert not stream.closed


def test_the_digest_is_that_of_the_complete_file_also_where_it_is_not_read():
    content = many(30_000).encode()
    with opened("o.csv", io.BytesIO(content)) as source:
        assert source.raw.sha256() == hashlib.sha256(content).hexdigest()
