"""The baseline of a model as the service shows it: in metrics, by the edges of its own counts."""

import re
from dataclasses import replace

import pytest

from model.artifact import model_file
from model.core.manifest import InputCounts
from model.core.network import Network
from model.packaged import packaged_model
from model.registry.references import VersionReference
from service.metrics.definitions import COUNTED_VALUES
from service.metrics.gauges import GAUGES, Seen
from tests.apps import samples, service_of
from tests.facts import FEATURES
from tests.models import layer, model_of, one_input, reference_of
from tests.raw_orders import baseline_of, raw_model

REFERENCE = "delivery_risk_reference"
LABEL = re.compile(r'(\w+)="([^"]*)"')


def shown(client):
    """The samples of the baseline."""
    return {name: value for name, value in samples(client).items() if name.startswith(REFERENCE)}


@pytest.fixture
def described(make_client, tmp_path):
    """A client of the packaged model with a baseline."""
    model = packaged_model()
    model_file.write(replace(model, manifest=replace(model.manifest, baseline=reference_of(FEATURES))), tmp_path / "model.npz")
    return make_client(model=str(tmp_path / "model.npz"))


def test_the_baseline_is_exported_share_by_share(described):
    found = shown(described)
    assert len(found) == 2 + 21 + 3 * 16
    version = 'model_version="1.0.0"'
    assert found[f"{REFERENCE}_orders{{{version}}}"] == 10
    assert found[f"{REFERENCE}_review_ratio{{{version}}}"] == 0.6
    for above, le, share in (("-Inf", "0.05", 0.4), ("0.05", "0.1", 0), ("0.95", "1.0", 0.6), ("1.0", "+Inf", 0)):
        assert found[f'{REFERENCE}_score_ratio{{above="{above}",le="{le}",{version}}}'] == share
    for feature, above, le, share in (("backlog", "-0.5", "0.0", 1), ("weather_severity", "-Inf", "-10.0", 0)):
        assert found[f'{REFERENCE}_zscore_ratio{{above="{above}",feature="{feature}",le="{le}",{version}}}'] == share


def test_the_baseline_of_inputs_is_exported_by_category_and_by_gap():
    model = raw_model()
    baseline = baseline_of(model)
    many = {str(number): int(number < 10) for number in range(COUNTED_VALUES + 1)}
    baseline = replace(
        baseline, inputs={**baseline.inputs, "many": InputCounts(counts=many), "never": InputCounts(10, 0, {"A": 0})}
    )
    seen = Seen({}, replace(model.manifest, baseline=baseline), {})
    found = {gauge: dict(GAUGES[f"{REFERENCE}_{gauge}_ratio"].read(seen)) for gauge in ("category", "imputed", "unknown")}
    shares = {
        ("carrier", "AA"): 0.8,
        ("carrier", "B:6"): 0.1,
        ("carrier", "ü"): 0.1,
        ("depot", "EWR"): 1,
        ("depot", "JFK"): 0,
        ("size", "S"): 1 / 8,
        ("size", "L"): 7 / 8,
    }
    assert found["category"] == {("1", *labels): share for labels, share in shares.items()}
    assert found["imputed"] == {("1", "backlog"): 0.2, ("1", "depot"): 0.2, ("1", "size"): 0.2, ("1", "never"): 1}
    assert found["unknown"] == {("1", "depot"): 0.1, ("1", "never"): 0}


@pytest.mark.parametrize(("counted", "expected"), [("score_bucket", "score_ratio"), ("feature_zscore_bucket", "zscore_ratio")])
def test_bins_end_where_the_services_own_buckets_do_and_begin_where_another_ends(described, order, counted, expected):
    described.post("/score", json={"orders": [order]})
    found = samples(described)

    def edges(sample, label):
        return {dict(LABEL.findall(name))[label] for name in found if name.startswith(f"{sample}{{")}

    ends = edges(f"delivery_risk_{counted}", "le")
    assert edges(f"{REFERENCE}_{expected}", "le") == ends
    assert edges(f"{REFERENCE}_{expected}", "above") == ends - {"+Inf"} | {"-Inf"}


def test_the_baseline_changes_with_the_version_that_is_served():
    service = service_of()
    client, wanted = service.app.test_client(), VersionReference("2", "2.npz", "1" * 64)
    two = model_of(Network([layer([[1.0, 1.0]], [0.0])]), baseline=reference_of(["f0", "f1"], late=False))
    second = replace(two, manifest=replace(two.manifest, version="2"))
    expected = [(one_input(baseline=reference_of(["f0"])), "1", 1), (second, "2", 2), (one_input(), None, 0)]
    for number, (model, version, features) in enumerate(expected):
        service.serving.set_champion(replace(model, sha256=str(number) * 64), wanted)
        found = shown(client)
        assert len(found) == (2 + 21 + features * 16 if features else 0)
        assert {dict(LABEL.findall(name))["model_version"] for name in found} == ({version} if features else set())
