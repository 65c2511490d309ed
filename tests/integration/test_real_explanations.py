"""The explanations of real orders by real models. The fixture `real_data` says where they are."""

import csv
import gzip
import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from model.artifact import model_file
from model.core.encoding import encoded
from tests.exact_lines import exact_line
from tests.models import plain
from tests.servers import SERVE, running

COMMAND = SERVE[0]
CASES = {
    "nyc17_3feature": ("nyc17_3feature", "nyc17_3feature/cases.csv", []),
    "nyc17_mlp16": ("nyc17_mlp16", "nyc17_mlp16/cases.csv", []),
    "nyc17_raw": ("nyc17_mlp16", "nyc17_raw/orders_test.csv.gz", ["--preparation", "nyc17_raw/preparation.json"]),
    "a year": ("nyc17_3feature", "batches/nyc17_3feature_all_303748.csv.gz", []),
}


@pytest.fixture(scope="module", params=[*list(CASES)[:3], pytest.param("a year", marks=pytest.mark.long)])
def explained(real_data, request, tmp_path_factory):
    """A model, its orders as the file has them, and the same with the explanations that the command line adds."""
    name, orders, options = CASES[request.param]
    folder = tmp_path_factory.mktemp("explained")
    found = SimpleNamespace(file=folder / "model.npz")
    command = [
        COMMAND,
        "model",
        "import",
        real_data / name / "model.npz",
        "--name",
        "real",
        "--version",
        "1",
        "--threshold",
        "0.3",
    ]
    command += [real_data / each if "/" in each else each for each in options]
    subprocess.run([*command, "--out", found.file], check=True, capture_output=True)
    found.model = model_file.read(found.file)
    command = [COMMAND, "score", real_data / orders, "--model", found.file, "--out", folder / "out.csv", "--explain", "all"]
    subprocess.run([*command, "--jobs", "2"], check=True, capture_output=True)
    opened = gzip.open if orders.endswith(".gz") else open
    with open(folder / "out.csv", newline="") as file, opened(real_data / orders, "rt", newline="") as given:
        found.rows, found.orders = list(csv.DictReader(file)), list(csv.DictReader(given))
    return found


def contributions(found):
    names = found.model.manifest.input_names
    return np.array([[float(row[f"contribution_{name}"]) for name in names] for row in found.rows])


def values(found, row):
    """What an order holds, by input."""
    kinds = {each.name: str if each.kind == "category" else float for each in found.model.manifest.inputs}
    return {name: kind(row[name]) if row[name] else None for name, kind in kinds.items()}


def test_base_and_contributions_add_up_to_the_logit_of_every_order(explained):
    given, names = contributions(explained), ("logit", "base", "score")
    logits, bases, scores = (np.array([float(row[name]) for row in explained.rows]) for name in names)
    assert len(given) == len(explained.orders) >= 2000
    assert (np.abs(bases + given.sum(axis=1) - logits) <= 1e-12 * (np.abs(bases) + np.abs(given).sum(axis=1))).all()
    assert np.abs(1 / (1 + np.exp(-logits)) - scores).max() <= 1e-15


def test_the_reasons_are_the_greatest_contributions_over_zero(explained):
    names = explained.model.manifest.input_names
    for row, given in zip(explained.rows, contributions(explained).tolist(), strict=True):
        ranked = sorted((at for at, each in enumerate(given) if each > 0), key=lambda at: (-given[at], at))[:4]
        reasons = [row[f"reason_{number}"].split()[:1] for number in range(1, 5)]
        assert reasons == [[names[at]] for at in ranked] + [[]] * (4 - len(ranked))


def test_contributions_are_those_of_the_exact_oracle(explained):
    model, network = explained.model, plain(explained.model.network)
    orders = [values(explained, row) for row in explained.orders[:: len(explained.orders) // 40]]
    x = encoded(model.manifest.inputs, [list(order.values()) for order in orders])
    zscores = model.standardizer(model.features(x))
    found = contributions(explained)[:: len(explained.orders) // 40]
    made_of = [each.of for each in model.manifest.features]
    for z, row in zip(zscores.tolist(), found, strict=True):
        line = exact_line(network, [0.0] * len(z), z)
        by_input = dict.fromkeys(model.manifest.input_names, 0.0)
        for name, one, gradient in zip(made_of, z, line.gradient, strict=True):
            by_input[name] += one * float(gradient)
        size = abs(float(line.outputs[0])) + sum(map(abs, by_input.values()))
        assert np.abs(row - list(by_input.values())).max() <= 1e-12 * size


def test_the_service_gives_the_same_bits_alone_and_in_batches(explained):
    orders = [{"order_id": row["order_id"], **values(explained, row)} for row in explained.orders[:2000]]
    bits = {
        row["order_id"]: [row["logit"], *(row[f"contribution_{name}"] for name in explained.model.manifest.input_names)]
        for row in explained.rows[:2000]
    }
    with running(DELIVERY_RISK_MODEL=str(explained.file)) as server:

        def asked(some):
            body = json.dumps({"orders": some}).encode()
            status, _, content = server.call("POST", "/score?explain=all", body, {"Content-Type": "application/json"})
            assert status == 200, content[:500]
            return {
                row["order_id"]: [repr(row["explanation"]["logit"]), *map(repr, row["explanation"]["contributions"].values())]
                for row in json.loads(content)["results"]
            }

        assert asked(orders) == bits
        for order in orders[:50]:
            assert asked([order]) == {order["order_id"]: bits[order["order_id"]]}
