"""What an order holds beside its inputs: context, which travels and is counted, and names that are accepted and not used."""

import csv as plain_csv
import io
import json

import pytest

from model.core.manifest import Context
from schemas import context
from schemas.formats.table import COLUMNS, CSV, FORMATS, JSON, BatchDecoder, RequestBody
from schemas.result import results
from schemas.validation import BatchValidator
from service.scoring.batch import Options, score_batch
from tests.raw_orders import INPUTS, ORDERS, raw_model

DEPOTS = ["EWR", None, "a:b", "EWR"]
EXTRA = [{"at": "12:30", "of": [1, {"a:b": None}]}, None, "x:y", -1.5e300]
MODEL = raw_model(
    context=(Context("source", ("web",)), Context("lane", ("EWR", "other", "JFK"))), also_accepts=("promised_at", "later")
)
DECODER = BatchDecoder(BatchValidator(INPUTS, 10_000, MODEL.manifest.context_names, MODEL.manifest.also_accepts))
PLAIN = BatchDecoder(BatchValidator(INPUTS, 10_000))
NAMES = [each.name for each in INPUTS]


def with_more(orders):
    """The orders with a lane, the second without, and with something under a name that is not used."""
    found = [order | {"lane": lane, "promised_at": extra} for order, lane, extra in zip(orders, DEPOTS, EXTRA, strict=True)]
    del found[1]["lane"]
    return found


def as_records(orders):
    return JSON, json.dumps({"orders": orders}, ensure_ascii=False)


def as_columns(orders, names):
    columns = {name: [order.get(name) for order in orders] for name in names}
    return COLUMNS, json.dumps({"order_ids": [order["order_id"] for order in orders], "columns": columns}, ensure_ascii=False)


def as_csv(orders, names):
    text = io.StringIO(newline="")
    writer = plain_csv.DictWriter(text, ["order_id", *names], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(orders)
    return CSV, text.getvalue()


def decoded(body, decoder=DECODER):
    return decoder.decode(RequestBody(body[0], body[1].encode()))


def scored(body):
    return score_batch(MODEL, decoded(body), Options("review"))


MORE = with_more(ORDERS)
BODIES = {
    "records": as_records(MORE),
    "typed_columns": as_columns(MORE, [*NAMES, "lane", "promised_at"]),
    "csv": as_csv(MORE, [*NAMES, "lane", "promised_at"]),
}
EXPECTED = decoded(as_records(ORDERS), PLAIN).batch.matrix.tobytes()


@pytest.mark.parametrize("name", BODIES)
def test_every_format_reads_the_same_inputs_with_context_and_with_what_is_not_used(name):
    found = decoded(BODIES[name])
    assert (found.faults, dict(found.context)) == ([], {"lane": DEPOTS})
    assert found.batch.matrix.tobytes() == EXPECTED


@pytest.mark.parametrize("name", ["records", "typed_columns"])
def test_both_are_read_by_the_fast_path(name):
    media_type, text = BODIES[name]
    assert DECODER.valid(RequestBody(media_type, text.encode())) is not None


def test_orders_without_a_fault_keep_their_context_when_others_are_left_out():
    found = decoded(as_records([MORE[0], MORE[2] | {"carrier": "ZZ"}, MORE[3] | {"lane": "JFK"}]))
    assert (found.batch.ids, dict(found.context)) == (["A-1", "A-4"], {"lane": ["EWR", "JFK"]})
    assert dict(found.without({0: []}).context) == {"lane": ["JFK"]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * 129, "wrong_length"),
        ("", "wrong_length"),
        ("a\nb", "control_character"),
        (3, "not_a_string"),
        ([], "not_a_string"),
    ],
)
def test_a_context_that_is_no_short_text_is_a_fault(text, code):
    orders = [MORE[0], MORE[1] | {"lane": text}]
    for body in (as_records(orders), as_columns(orders, [*NAMES, "lane"])):
        assert [(each.position, each.name, each.code) for each in decoded(body).faults] == [(1, "lane", code)]


def test_a_name_that_is_not_accepted_is_still_a_fault():
    (fault,) = decoded(as_records([MORE[0] | {"promised": 1}])).faults
    assert (fault.name, fault.code) == ("promised", "unknown_name")
    (fault,) = decoded(as_csv(MORE, [*NAMES, "promised"])).faults
    assert (fault.path, fault.code, fault.hint) == (("promised",), "unknown_name", "did you mean promised_at?")


@pytest.mark.parametrize("name", ["lane", "promised_at"])
def test_such_a_name_given_twice_is_a_fault(name):
    text = as_records(MORE[:1])[1]
    value = json.dumps(MORE[0][name])
    twice = text.replace(f'"{name}": {value}', f'"{name}": {value}, "{name}": {value}')
    assert [each.code for each in decoded((JSON, twice)).faults] == ["duplicate_key"]


def test_a_list_of_contexts_must_have_an_entry_for_each_order():
    body = json.loads(BODIES["typed_columns"][1])
    body["columns"]["lane"] = ["EWR"]
    assert [(each.code, each.path) for each in decoded((COLUMNS, json.dumps(body))).faults] == [
        ("wrong_count", ("columns", "lane"))
    ]


def test_as_many_orders_with_nested_values_as_a_batch_may_have_are_read():
    orders = [ORDERS[0] | {"order_id": str(number), "later": {"a": [[], {}]}} for number in range(10_000)]
    assert decoded(as_records(orders)).faults == []


def test_every_answer_has_the_context():
    answers = {name: FORMATS[name].encode(scored(body)).decode() for name, body in BODIES.items()}
    records = json.loads(answers["records"])["results"]
    assert [each.get("context") for each in records] == [None if text is None else {"lane": text} for text in DEPOTS]
    assert json.loads(answers["typed_columns"])["context"] == {"lane": DEPOTS}
    rows = list(plain_csv.DictReader(io.StringIO(answers["csv"])))
    assert [(row["source"], row["lane"]) for row in rows] == [("", text or "") for text in DEPOTS]
    assert '""' not in answers["csv"]  # which some readers take for a text of no characters


def test_context_changes_no_bit_of_a_score():
    bare = score_batch(MODEL, decoded(as_records(ORDERS)), Options("review"))
    assert [each.score for each in results(scored(BODIES["records"]))] == [each.score for each in results(bare)]


def test_texts_that_the_model_does_not_list_are_counted_together():
    orders = [ORDERS[0] | {"order_id": str(number), "lane": f"lane {number}", "source": "web"} for number in range(1000)]
    found = context.counts(scored(as_records([*orders, *MORE])))
    assert {name for name, _ in found["lane"]} == {"EWR", "other"}
    assert sum(found["lane"].values()) == 1003
    assert {name: count for (name, _), count in found["source"].items()} == {"web": 1000}
    assert context.counts(scored(as_records(ORDERS))) == {"source": {}, "lane": {}}
