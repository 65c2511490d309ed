import json
from dataclasses import replace

import pytest

from model.artifact import baseline, manifest, model_file
from model.core.manifest import MOST_ORDERS, SCORE_EDGES, ZSCORE_EDGES, Calibration
from model.errors import BadManifest
from model.packaged import packaged_model
from tests.facts import FEATURES
from tests.model_files import GOOD, MISSING, edited, referred_document, rejects
from tests.models import reference_of

NAMES = list(FEATURES)
VALID = reference_of(NAMES)


def read(document):
    return manifest.read(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("path", "value", "location"),
    [
        *((("orders",), 11, "scores.counts"), (("scores", "counts", 1), 1, "scores.counts"), (("review",), 11, "review")),
        *((("scores", "counts"), counts, "scores.counts") for counts in ([0] * 21, [4, *[0] * 19, 6])),
        (("zscores", "backlog", "counts", 0), 1, "zscores.backlog.counts"),
        *((("calibration", 0, "to"), 1.0, "calibration"), (("calibration", 0, "orders"), 5, "calibration")),
        (("calibration",), [{"to": 0.05, "orders": 4, "mean_score": 0.04, "observed_rate": 0}], "calibration"),
    ],
)
def test_entries_that_contradict_each_other_are_rejected(path, value, location):
    with rejects(BadManifest, f"manifest.reference.{location}"):
        read(edited(["reference", *path], value, referred_document()))


def test_a_valid_reference_is_read_and_its_calibration_is_optional():
    assert read(referred_document()).baseline == VALID
    assert read(edited(["reference", "calibration"], MISSING, referred_document())).baseline == reference_of(NAMES, late=False)


def test_features_in_another_order_are_the_same_reference():
    document = referred_document()
    document["reference"]["zscores"] = dict(reversed(document["reference"]["zscores"].items()))
    assert list(read(document).baseline.zscores) == NAMES
    assert manifest.write(read(document)) == manifest.write(read(referred_document()))


def test_an_edge_of_minus_zero_is_stored_as_the_edge_of_the_service():
    at = ZSCORE_EDGES.index(0.0)
    document = edited(["reference", "zscores", "backlog", "edges", at], -0.0, referred_document())
    assert str(read(document).baseline.zscores["backlog"].edges[at]) == "0.0"


def with_baseline(model, found):
    return model_file.dumps(replace(model, manifest=replace(model.manifest, baseline=found)))


def test_a_file_without_a_baseline_has_no_entry_for_it():
    assert b"reference" not in GOOD
    referred = with_baseline(packaged_model(), VALID)
    assert referred != GOOD
    assert with_baseline(model_file.loads(referred), None) == GOOD


def test_a_reference_that_is_not_valid_is_not_written():
    invalid = replace(VALID, calibration=(Calibration(0.05, 4, 0.06, 0.0), VALID.calibration[1]))
    with pytest.raises(BadManifest, match="outside its bin"):
        with_baseline(packaged_model(), invalid)


@pytest.mark.parametrize("count", [1, 3, 7, 10**9 + 7, MOST_ORDERS])
def test_every_share_of_the_orders_is_a_rate(count):
    zscores = {name: {"edges": ZSCORE_EDGES, "counts": (count, *[0] * 15)} for name in NAMES}
    histograms = {"scores": {"edges": SCORE_EDGES, "counts": (count, *[0] * 20)}, "zscores": zscores}
    for late in {0, 1, count // 3, count - 1, count}:
        rows = [{"to": 0.05, "orders": count, "mean_score": 0.05, "observed_rate": late / count}]
        document = {"orders": count, "review": 0, **histograms, "calibration": rows}
        assert baseline.checked(document, "reference", NAMES).calibration[0].observed_rate == late / count
