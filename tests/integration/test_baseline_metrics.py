"""The reference as the service shows it: beside what it counts, by the same edges, and in /model."""

import time
from dataclasses import replace

import pytest

from model.artifact import model_file
from model.core.baseline import ZSCORE_EDGES
from model.core.network import Network
from model.packaged import packaged_model
from model.registry import loader, references, versions
from service import config
from service.serving.active_models import Serving
from tests.apps import app_on
from tests.models import layer, model_of, one_input, reference_of
from tests.registries import publish
from tests.servers import read_metrics, running

NAMES = ("route_disruption", "backlog", "weather_severity")
REFERENCED = replace(packaged_model(), manifest=replace(packaged_model().manifest, baseline=reference_of(NAMES)))


def shown(client):
    samples = read_metrics(client.get("/metrics").text)
    return {name: value for name, value in samples.items() if name.startswith("delivery_risk_reference_")}


@pytest.fixture
def referenced(make_client, tmp_path):
    model_file.write(REFERENCED, tmp_path / "model.npz")
    return make_client(model=str(tmp_path / "model.npz"))


def test_the_reference_is_exported_share_by_share(referenced):
    found = shown(referenced)
    assert len(found) == 2 + 21 + 3 * 16
    score, zscore = "delivery_risk_reference_score_ratio", "delivery_risk_reference_zscore_ratio"
    expected = {
        'delivery_risk_reference_orders{model_version="1.0.0"}': 10.0,
        'delivery_risk_reference_review_ratio{model_version="1.0.0"}': 0.6,
        f'{score}{{above="-Inf",le="0.05",model_version="1.0.0"}}': 0.4,
        f'{score}{{above="0.05",le="0.1",model_version="1.0.0"}}': 0.0,
        f'{score}{{above="0.95",le="1.0",model_version="1.0.0"}}': 0.6,
        f'{score}{{above="1.0",le="+Inf",model_version="1.0.0"}}': 0.0,
        f'{zscore}{{above="-0.5",feature="backlog",le="0.0",model_version="1.0.0"}}': 1.0,
        f'{zscore}{{above="-Inf",feature="weather_severity",le="-10.0",model_version="1.0.0"}}': 0.0,
    }
    assert {_sorted(name): found[name] for name in found if _sorted(name) in expected} == expected


def _sorted(sample):
    name, _, labels = sample.rstrip("}").partition("{")
    return f"{name}{{{','.join(sorted(labels.split(',')))}}}"


def labels_of(client, name, label):
    samples = [each for each in read_metrics(client.get("/metrics").text) if each.startswith(name + "{")]
    return {each.split(f'{label}="')[1].split('"')[0] for each in samples}


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ("delivery_risk_score_bucket", "delivery_risk_reference_score_ratio"),
        ("delivery_risk_feature_zscore_bucket", "delivery_risk_reference_zscore_ratio"),
    ],
)
def test_bins_end_where_the_services_own_buckets_do_and_begin_where_another_ends(referenced, order, counted, expected):
    referenced.post("/score", json={"orders": [order]})
    ends = labels_of(referenced, counted, "le")
    assert labels_of(referenced, expected, "le") == ends
    assert labels_of(referenced, expected, "above") == ends - {"+Inf"} | {"-Inf"}


def test_a_model_without_a_reference_exports_none_and_shows_null(client):
    assert shown(client) == {}
    assert client.get("/model").json["reference"] is None


def test_the_card_shows_the_reference_as_it_stands_in_the_file(referenced):
    found = referenced.get("/model").json["reference"]
    assert (found["orders"], found["review"], found["scores"]["counts"]) == (10, 6, [4, *[0] * 18, 6, 0])
    assert list(found["zscores"]) == list(NAMES)
    assert found["zscores"]["backlog"] == {"edges": list(ZSCORE_EDGES), "counts": [*[0] * 7, 10, *[0] * 8]}
    assert found["calibration"] == [
        {"to": 0.05, "orders": 4, "mean_score": 0.04, "observed_rate": 0.0},
        {"to": 1.0, "orders": 6, "mean_score": 0.975, "observed_rate": 0.5},
    ]


def test_the_reference_changes_with_the_version_that_is_served():
    first = one_input(baseline=reference_of(["f0"]))
    stage = Serving(replace(first, sha256="0" * 64), 100)
    client = app_on(stage, config.load({})).test_client()
    assert len(shown(client)) == 2 + 21 + 16
    wanted = references.VersionReference("2", "2.npz", "1" * 64)
    two = model_of(Network([layer([[1.0, 1.0]], [0.0])]), baseline=reference_of(["f0", "f1"], late=False))
    stage.champion(replace(two, manifest=replace(two.manifest, version="2"), sha256="1" * 64), wanted)
    assert {name.split('model_version="')[1].split('"')[0] for name in shown(client)} == {"2"}
    assert len(shown(client)) == 2 + 21 + 2 * 16
    stage.champion(replace(one_input(), sha256="2" * 64), wanted)
    assert shown(client) == {}


def test_every_worker_shows_the_reference_of_a_version_that_is_promoted(tmp_path):
    directory = tmp_path / "models"
    directory.mkdir()
    publish(directory, "1")
    versions.promote("1", directory)
    made = one_input(1.0, 0.25, baseline=reference_of(["f0"]))
    model_file.write(replace(made, manifest=replace(made.manifest, version="2")), tmp_path / "2.npz")
    versions.publish(tmp_path / "2.npz", directory)
    with running(DELIVERY_RISK_MODEL=str(directory), DELIVERY_RISK_WORKERS="2") as server:
        assert not [name for name in server.metrics() if name.startswith("delivery_risk_reference_")]
        versions.promote("2", directory)
        served = f'delivery_risk_model_info{{name="made",role="champion",sha256="{loader.load(directory).sha256}",version="2"}}'
        deadline = time.monotonic() + 15
        while {_sorted(name): value for name, value in server.metrics().items()}.get(served) != 2.0:
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.05)
        shares = [{n: v for n, v in server.metrics().items() if n.startswith("delivery_risk_reference_")} for _ in range(8)]
    assert len(shares[0]) == 2 + 21 + 16
    assert all(each == shares[0] for each in shares)
