import gzip
import hashlib
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from model.artifact import model_file
from model.core.manifest import Feature, Input
from model.core.network import Network
from schemas.faults import CODES
from service.config import DEFAULT_MODEL
from service.scoring.explanation import explain as explained
from tests.facts import ORDERS
from tests.models import layer, model_of
from tests.order_files import HEADER, REJECTED, ROWS
from tests.raw_orders import raw_model

# By pencil: z is (1.5, 1, 2). From the mean order to this one the second hidden unit is active on 7/8 of the line, from -0.2 to
# 1.4, and the others on all of it. So weather_severity adds 2 * (0.9 * 0.4 + 0.7 * 7/8 * 0.5 + 0.6 * 0.7) = 2.1725.
B_208 = f"""\
order   B-208, line 3 of orders.csv
model   delivery-risk 1.0.0
sha256  {hashlib.sha256(Path(DEFAULT_MODEL).read_bytes()).hexdigest()}
score   0.9811090380629609, threshold 0.6
queue   review: the score reaches the threshold
policy  review for orders out of range
logit   3.95; the score is the sigmoid of it
base    -0.24; the logit of the mean order of the training data

Contributions (rounded): base plus the contributions of all inputs is the logit
input             value   typical  unit           adds       lowers|raises
weather_severity      9         5  severity  +2.172500             |###########
route_disruption      8         5  severity  +1.256250             |######
backlog               7         5  severity  +0.761250             |####
sum                                          +4.190000
base                                         -0.240000
logit                                        +3.950000

Reasons: the inputs that raise the risk most
  1. weather_severity above typical
  2. route_disruption above typical
  3. backlog above typical
"""


def test_the_account_of_an_order_is_what_pencil_and_paper_give(explain):
    done = explain("B-208", HEADER + ROWS)
    assert (done.exit_code, done.stdout) == (0, B_208)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orders.csv.gz", gzip.compress((HEADER + ROWS).encode())),
        ("orders.jsonl", "\n".join(map(json.dumps, ORDERS))),
        ("orders.json", json.dumps(ORDERS)),
    ],
)
def test_an_order_has_the_same_account_in_every_format(explain, name, text):
    line = 3 if "csv" in name else 2
    done = explain("B-208", text, name=name)
    expected = B_208.replace("line 3 of orders.csv", f"line {line} of {name}")
    assert (done.exit_code, done.stdout) == (0, expected)


def test_orders_may_come_from_standard_input_under_other_names(run):
    given = HEADER.replace("order_id", "id").replace("backlog", "waiting").replace(",", ";") + ROWS.replace(",", ";")
    done = run("explain", "-", "--order", "B-208", "--id", "id", "--rename", "backlog=waiting", given=given)
    expected = B_208.replace("orders.csv", "standard input")
    assert (done.exit_code, done.stdout) == (0, expected)


def test_the_results_of_a_run_can_be_explained(run, explain):
    done = explain("B-208", run("score", given=HEADER + ROWS).stdout)
    assert done.stdout == B_208


def test_an_order_has_the_same_account_alone_and_in_any_chunk(explain, monkeypatch):
    rows = "".join(f"{number},{number % 10},,2,{number % 7}\n" for number in range(40)) + REJECTED + ROWS
    alone = explain("B-208", HEADER + ROWS).stdout
    for size in (1, 7, 100):
        monkeypatch.setattr("service.offline.chunks.CHUNK", size)
        assert explain("B-208", HEADER + rows).stdout == alone.replace("line 3", "line 44")


def test_a_file_is_read_as_far_as_the_order(explain, monkeypatch):
    monkeypatch.setattr("service.offline.chunks.CHUNK", 3)
    endless = HEADER + ROWS + 'X,1,"open,2,1\n'
    assert explain("C-311", endless).exit_code == 0
    done = explain("Y", endless)
    assert (done.exit_code, "does not end" in done.stderr) == (2, True)


OUTSIDE = HEADER + "low,-1,,1,1\n"  # its score is about 0.18


@pytest.mark.parametrize(
    ("policy", "queue"),
    [
        ("review", "review: the score is below the threshold, but an input is out of range"),
        ("flag", "monitor: the score is below the threshold"),
    ],
)
def test_the_queue_follows_the_policy_for_orders_out_of_range(explain, monkeypatch, policy, queue):
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", policy)
    lines = explain("low", OUTSIDE).stdout.splitlines()
    assert lines[4:6] == [f"queue   {queue}", f"policy  {policy} for orders out of range"]


def test_an_order_that_the_policy_rejects_has_no_account(explain, monkeypatch):
    monkeypatch.setenv("DELIVERY_RISK_OUT_OF_RANGE", "refuse")
    done = explain("low", OUTSIDE)
    reason = f"orders.csv: line 2 is rejected, backlog: out_of_range ({CODES['out_of_range']}).\n"
    assert (done.exit_code, done.stdout, done.stderr.endswith(reason)) == (1, "", True)


@pytest.mark.parametrize(
    ("name", "text", "line", "reasons"),
    [
        ("orders.csv", HEADER + ROWS + "D,,x,1e400,1\n", 5, {"backlog": "null", "route_disruption": "not_finite"}),
        ("orders.jsonl", '{"order_id": "A"}\n{"order_id": "D", "backlog": "3"}\n', 2, {"backlog": "not_a_number"}),
        ("orders.csv", HEADER + "A,1,,1,1\nD,,x,1,1\nD,1,x,1,1\n", 3, {"backlog": "null"}),
        ("orders.csv", HEADER + "D,1.7e308,x,1.7e308,1.7e308\n", 2, {"": "out_of_numeric_range"}),
    ],
)
def test_a_rejected_order_has_its_line_and_reasons_in_place_of_an_account(explain, name, text, line, reasons):
    done = explain("D", text, name=name)
    printed = done.stderr.splitlines()[-1]
    assert (done.exit_code, done.stdout, f"{name}: line {line} is rejected, " in printed) == (1, "", True)
    for input_name, code in reasons.items():
        assert f"{input_name}: {code} ({CODES[code]})".removeprefix(": ") in printed


def test_of_several_rows_with_the_id_the_first_is_explained(explain):
    repeated = HEADER + ROWS + "B-208,1,,1,1\n"
    assert explain("B-208", repeated).stdout == B_208


def test_an_order_that_is_not_in_the_file_is_an_error_that_repeats_no_id(explain, monkeypatch):
    done = explain("B-2", HEADER + ROWS)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("\nError: orders.csv: no order has the id that --order gives.\n")
    assert "B-2" not in done.stderr
    for size in (1, 100):
        monkeypatch.setattr("service.offline.chunks.CHUNK", size)
        done = explain("B-2", HEADER + ROWS + "E,1\n" + REJECTED)
        assert done.stderr.endswith("that --order gives; rows that are rejected: 2, the first on line 5.\n")


def test_another_digest_of_the_model_than_the_settings_have_is_an_error(explain, monkeypatch):
    monkeypatch.setenv("DELIVERY_RISK_MODEL_SHA256", "0" * 64)
    done = explain("B-208", HEADER + ROWS)
    assert (done.exit_code, done.stdout, "which is not the expected one" in done.stderr) == (2, "", True)


def test_the_id_and_the_model_are_checked_before_the_file_is_read(run):
    Path("orders.csv").write_text("no header\n")
    done = run("explain", "orders.csv")
    assert (done.exit_code, "--order" in done.stderr) == (2, True)
    model_file.write(model_of(Network([layer([[1.0]], [0.0], "relu"), layer([[1.0]], [0.0], "tanh")])), "tanh.npz")
    done = run("explain", "orders.csv", "--order", "a", "--model", "tanh.npz")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error: tanh.npz: layer 2: its activation is tanh; explanations need " in done.stderr


def test_no_text_of_a_file_looks_like_another_line_or_controls_the_terminal(explain):
    control = "\u2028\u202e\u200b"
    values = (f"AA{control}", "B")
    inputs = [
        Input("distance", f"km{control}", missing=1.0, actionable=True),
        Input("carrier", kind="category", values=values, actionable=True),
        Input("depot", kind="category", values=("EWR",), unknown="none"),
    ]
    features = [
        Feature("distance", "distance"),
        Feature("carrier_AA", "carrier", "is", values[:1]),
        Feature("depot_EWR", "depot", "is", ("EWR",)),
    ]
    order = {"order_id": f"a{control}", "distance": 2, "carrier": values[0], "depot": f"E{control}"}
    model = raw_model(inputs, features, order)
    done = explain(order["order_id"], json.dumps(order), model=model, name="orders.jsonl")
    assert done.exit_code == 0
    assert set(done.stdout) - {"\n"} <= {each for each in done.stdout if each.isprintable()}
    assert done.stdout.startswith(r"order   a\u2028\u202e\u200b, line 1 of orders.jsonl")


def test_an_order_is_explained_with_changes(explain, monkeypatch):
    def with_changes(scored, options):
        found = explained(scored, options)
        assert found.explanations is not None
        changes = {"backlog": [3.25]} if options.changes else None
        return replace(found, explanations=replace(found.explanations, changes=changes))

    monkeypatch.setattr("service.offline.chunks.explain", with_changes)
    done = explain("B-208", HEADER + ROWS)
    assert done.stdout.splitlines()[-2:] == [
        "Changes: values that alone move the score to the other side of the threshold",
        "  backlog: 7 -> 3.25",
    ]
