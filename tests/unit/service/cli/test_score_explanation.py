"""delivery-risk score --explain: the explanations of POST /score, in a file."""

import csv
import json
import random
from dataclasses import replace

import pytest

from model.artifact import model_file
from model.core.network import Network
from tests.apps import app_of
from tests.facts import FEATURES, INPUTS, ORDER
from tests.models import layer, model_of
from tests.order_files import HEADER, ROWS
from tests.raw_orders import INPUTS as RAW_INPUTS
from tests.raw_orders import ORDERS as RAW_ORDERS
from tests.raw_orders import raw_model

DICE = random.Random(0)
ORDERS = [{"order_id": f"O-{n}", **{name: DICE.randrange(13) for name in FEATURES}} for n in range(60)]
COLUMNS = [
    *("logit", "base", *(f"contribution_{name}" for name in FEATURES)),
    *(f"reason_{number}" for number in range(1, 5)),
]


def as_csv(orders=ORDERS):
    return "\n".join([",".join(orders[0]), *(",".join(map(str, order.values())) for order in orders), ""])


def as_json_lines(orders=ORDERS):
    return "".join(f"{json.dumps(order)}\n" for order in orders)


def rows_of(text):
    """Logit, base, contributions and reasons by order id, from CSV or JSON lines; None where there is no explanation."""
    if text.startswith("{"):
        rows = list(map(json.loads, text.splitlines()))
        return {
            row["order_id"]: row["explanation"] and cells_of(row["explanation"]) if "explanation" in row else None
            for row in rows
        }
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    return {row["order_id"]: [row[name] for name in COLUMNS] if row["logit"] else None for row in rows}


def cells_of(explanation):
    """The cells of an explanation in JSON."""
    numbers = map(repr, (explanation["logit"], explanation["base"], *explanation["contributions"].values()))
    reasons = [reason["text"] for reason in explanation["reasons"]]
    return [*numbers, *reasons, *[""] * (4 - len(reasons))]


def expected(client, query):
    """The same, as the service answers a batch of these orders."""
    answer = client.post(f"/score?{query}", json={"orders": ORDERS}).json
    rows = {row["order_id"]: row.get("explanation") for row in answer["results"]}
    return {key: explanation and cells_of(explanation) for key, explanation in rows.items()}


CASES = {
    "review": (["--explain", "review"], "explain=review"),
    "all": (["--explain", "all"], "explain=all"),
    "of a selection": (["--explain", "review", "--review-top", 7], "explain=review&review_top=7"),
    "all of a selection": (["--explain", "all", "--review-top", 7], "explain=all&review_top=7"),
}


@pytest.mark.parametrize("written", [as_csv, as_json_lines])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("options", "query"), CASES.values(), ids=CASES)
def test_a_file_gets_the_explanations_of_a_batch(run, client, monkeypatch, written, jobs, options, query):
    monkeypatch.setattr("service.offline.chunks.CHUNK", 7)
    done = run("score", *options, "--jobs", jobs, given=written())
    assert (done.exit_code, rows_of(done.stdout)) == (0, expected(client, query))


@pytest.mark.parametrize("written", [as_csv, as_json_lines])
def test_the_highest_scores_have_their_explanations(run, client, written):
    found = rows_of(run("score", "--explain", "all", "--top", 5, given=written()).stdout)
    everything = expected(client, "explain=all")
    assert len(found) == 5
    assert found == {key: everything[key] for key in found}


def test_an_explanation_is_after_all_other_columns_in_the_dialect_of_the_file(run):
    given = (HEADER + ROWS).replace(",", ";").replace("2;1\n", "2,0;1,0\n")
    header, first, *_ = csv.reader(
        run("score", "--explain", "all", "--provenance", given=given).stdout.splitlines(), delimiter=";"
    )
    assert header[-len(COLUMNS) - 1 :] == ["threshold", *COLUMNS]
    assert first[-len(COLUMNS) :][:2] == ["-0,3", "-0,24"]
    assert first[-4:] == ["backlog below typical", "", "", ""]


def test_the_names_of_an_explanation_are_reserved_only_where_it_is_asked_for(run):
    given = f"order_id,{','.join(FEATURES)},reason_1\na,1,1,1,mine\n"
    assert run("score", given=given).exit_code == 0
    done = run("score", "--explain", "review", given=given)
    assert done.exit_code == 2
    assert "reason_1" in done.stderr
    line = json.dumps(ORDER | {"reason_1": "mine"})
    assert run("score", given=line).exit_code == 0


def test_a_model_without_explanations_ends_the_run_and_the_error_names_the_layer(run, tmp_path):
    network = Network([layer([[1.0, 1.0, 1.0]], [0.0], "gelu"), layer([[1.0]], [0.0])])
    model_file.write(model_of(network, inputs=INPUTS), tmp_path / "gelu.npz")
    done = run("score", "--model", "gelu.npz", "--explain", "all", given=as_csv())
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--explain: layer 1: its activation is gelu; explanations need relu, leaky_relu, linear." in done.stderr


def test_the_manifest_says_what_was_explained(run, tmp_path):
    run("score", "--explain", "review", "--manifest", "--out", "out.csv", given=as_csv())
    found = json.loads((tmp_path / "out.manifest.json").read_text())
    assert (found["explain"], found["changes"]) == ("review", False)
    run("score", "--manifest", "--out", "out.csv", given=as_csv())
    assert "explain" not in json.loads((tmp_path / "out.manifest.json").read_text())


def test_changes_need_an_explanation(run):
    done = run("score", "--changes", given=as_csv())
    assert done.exit_code == 2
    assert "--changes needs --explain beside it." in done.stderr


@pytest.mark.parametrize("selection", [[], ["--review-top", "2"]])
def test_a_file_has_the_changes_that_a_batch_has(run, tmp_path, selection):
    inputs = tuple(replace(each, actionable=each.name in ("backlog", "carrier")) for each in RAW_INPUTS)
    model = raw_model(inputs)
    model_file.write(replace(model, manifest=replace(model.manifest, threshold=0.9)), tmp_path / "raw.npz")
    answer = app_of(model="raw.npz").test_client().post("/score?explain=all&changes=true", json={"orders": RAW_ORDERS}).json
    changes = {row["order_id"]: row["explanation"]["changes"] for row in answer["results"]}
    assert all(any(each[name] for each in changes.values()) for name in ("backlog", "carrier"))
    asked = ["score", "--model", "raw.npz", "--explain", "all", "--changes", *selection]
    lines = run(*asked, given=as_json_lines(RAW_ORDERS)).stdout.splitlines()
    assert {row["order_id"]: row["explanation"]["changes"] for row in map(json.loads, lines)} == changes
    orders = [{name: order.get(name, "") for name in ("order_id", *(each.name for each in inputs))} for order in RAW_ORDERS]
    table = as_csv([{name: "" if value is None else value for name, value in order.items()} for order in orders])
    rows = list(csv.DictReader(run(*asked, given=table).stdout.splitlines()))
    assert list(rows[0])[-2:] == ["change_backlog", "change_carrier"]
    assert {row["order_id"]: (row["change_backlog"], row["change_carrier"]) for row in rows} == {
        key: ("" if each["backlog"] is None else repr(each["backlog"]), "; ".join(each["carrier"]))
        for key, each in changes.items()
    }
