"""What would change the queue of real orders, tried through the service. The fixture `real_data` says where they are."""

import csv
import gzip
import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from model.artifact import model_file
from model.core.encoding import encoded
from tests.servers import SERVE, running

COMMAND = SERVE[0]
NUMBERS = ("recent_dep_delay_min", "wind_speed_mph", "waiting_departures", "scheduled_within_30min", "weekday")
CATEGORIES = ("origin", "carrier")
POINTS = 400


@pytest.fixture(scope="module")
def real(real_data, tmp_path_factory):
    """A model some of whose inputs are actionable, served, and real orders."""
    folder = tmp_path_factory.mktemp("real")
    preparation = json.loads((real_data / "nyc17_raw" / "preparation.json").read_text())
    for each in preparation["inputs"]:
        if each["name"] in (*NUMBERS, *CATEGORIES):
            each["actionable"] = True
    (folder / "preparation.json").write_text(json.dumps(preparation))
    command = [COMMAND, "model", "import", real_data / "nyc17_mlp16" / "model.npz", "--name", "real", "--version", "1"]
    command += ["--threshold", "0.3", "--preparation", folder / "preparation.json", "--out", folder / "model.npz"]
    subprocess.run(command, check=True, capture_output=True)
    found = SimpleNamespace(model=model_file.read(folder / "model.npz"))
    kinds = {each.name: str if each.kind == "category" else float for each in found.model.manifest.inputs}
    with gzip.open(real_data / "nyc17_raw" / "orders_test.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))[::30]
    found.orders = [
        {"order_id": row["order_id"], **{name: kind(row[name]) if row[name] else None for name, kind in kinds.items()}}
        for row in rows
    ]
    with running(DELIVERY_RISK_MODEL=str(folder / "model.npz")) as found.server:
        yield found


def post(server, query, orders):
    body = json.dumps({"orders": orders}).encode()
    status, _, content = server.call("POST", f"/score{query}", body, {"Content-Type": "application/json"})
    assert status == 200, content[:500]
    return json.loads(content)


def reach(server, orders):
    """Whether the score of each order reaches the threshold."""
    found = []
    for begin in range(0, len(orders), 10_000):
        answer = post(server, "", [order | {"order_id": str(at)} for at, order in enumerate(orders[begin : begin + 10_000])])
        found += [row["score"] >= answer["threshold"] for row in answer["results"]]
    return found


@pytest.fixture(scope="module", params=[200, pytest.param(2000, marks=pytest.mark.long)])
def changed(real, request):
    """Orders, whether their scores reach the threshold, and what would change that."""
    orders = real.orders[: request.param]
    assert len(orders) == request.param
    changes = []
    for begin in range(0, len(orders), 500):
        answer = post(real.server, "?explain=all&changes=true", orders[begin : begin + 500])
        changes += [row["explanation"]["changes"] for row in answer["results"]]
    return SimpleNamespace(orders=orders, sides=reach(real.server, orders), changes=changes)


def test_a_number_crosses_the_threshold_and_its_neighbour_does_not(real, changed):
    found = [
        (order, side, name, changes[name])
        for order, side, changes in zip(changed.orders, changed.sides, changed.changes, strict=True)
        for name in NUMBERS
        if changes[name] is not None
    ]
    assert len(found) > len(changed.orders)
    at = reach(real.server, [order | {name: value} for order, _, name, value in found])
    before = [order | {name: float(np.nextafter(value, order[name]))} for order, _, name, value in found]
    assert at == [not side for _, side, *_ in found]
    assert reach(real.server, before) == [side for _, side, *_ in found]


def test_no_value_of_a_grid_within_the_range_crosses_the_threshold_nearer(real, changed):
    manifest = real.model.manifest
    x = encoded(manifest.inputs, [[order[name] for name in manifest.input_names] for order in changed.orders])
    for name in NUMBERS:
        column = manifest.input_names.index(name)
        low, high = manifest.inputs[column].minimum, manifest.inputs[column].maximum
        grid = np.union1d(np.linspace(low, high, POINTS), np.arange(low, np.floor(high) + 1))
        for row, side, changes in zip(x, changed.sides, changed.changes, strict=True):
            tried = np.repeat(row[np.newaxis], len(grid), axis=0)
            tried[:, column] = grid
            crossing = grid[(real.model.outputs(tried).outputs[:, 0] >= manifest.threshold) != side]
            if np.isnan(row[column]):
                assert changes[name] is None
            elif changes[name] is None:
                assert not len(crossing)
            else:
                assert low <= changes[name] <= high
                assert not len(crossing) or abs(changes[name] - row[column]) <= np.abs(crossing - row[column]).min()


def test_a_category_lists_the_values_that_cross_the_threshold_and_no_others(real, changed):
    values = {each.name: each.values for each in real.model.manifest.inputs if each.name in CATEGORIES}
    tried = [
        (order | {name: value}, side, value in changes[name])
        for order, side, changes in zip(changed.orders, changed.sides, changed.changes, strict=True)
        for name in CATEGORIES
        for value in values[name]
    ]
    assert reach(real.server, [order for order, *_ in tried]) == [side != listed for _, side, listed in tried]
