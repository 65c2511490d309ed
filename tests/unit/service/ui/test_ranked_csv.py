"""Ranked CSV: no id, context or unknown category of an order is a formula, and nothing is lost."""

import csv
import json
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from model.core.manifest import Context
from schemas.formats.table import JSON, RequestBody
from service.scoring.batch import Options, score_batch
from service.serving.active_models import ServedModel
from service.ui import ranked_csv
from tests.raw_orders import ORDERS, raw_model

SERVED = ServedModel(raw_model(context=(Context("lane", ("north",)),)), 100)


def safe(text):
    return f"'{text}" if text[0] in "=+-@＝＠" else text


TEXTS = st.text(st.sampled_from("=+-@＝＠'\"; ,aé|\u202e"), min_size=1, max_size=6)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6, unique_by=lambda row: safe(row[0]))


@given(ROWS, st.booleans())
def test_no_cell_with_text_of_an_order_begins_like_a_formula_and_all_text_is_there(rows, broken):
    orders = [ORDERS[0] | {"order_id": name, "depot": depot, "lane": lane} for name, depot, lane in rows]
    orders += [ORDERS[0] | {"order_id": f"={rows[0][0]}=", "month": "x"}] if broken else []
    decoded = SERVED.decoder.decode(RequestBody(JSON, json.dumps({"orders": orders}).encode()))
    text = ranked_csv.encode(score_batch(SERVED.model, decoded, Options("review", partial=True)), None, 100).decode("utf-8-sig")
    found = {row["order_id"]: row for row in csv.DictReader(StringIO(text, newline=""), strict=True)}
    assert len(found) == len(orders)
    for row in found.values():
        for name, cell in row.items():
            numeric = name in ("rank", "score", "backlog", "distance", "month")
            assert numeric or not cell.startswith(tuple("=+-@＝＋－＠\t\r")), name
    for name, depot, lane in rows:
        row = found[safe(name)]
        assert (row["depot"], row["lane"]) == (safe(depot), safe(lane))
