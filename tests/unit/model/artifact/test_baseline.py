import json
from dataclasses import replace

import pytest

from model.artifact import baseline, manifest, model_file
from model.core.manifest import MOST_ORDERS, SCORE_EDGES, ZSCORE_EDGES, Calibration
from model.errors import BadManifest
from model.packaged import packaged_model
from tests.facts import FEATURES
from tests.model_files import GOOD, MISSING, SECRET_NUMBER, SECRET_TEXT, edited, referred_document, rejects
from tests.models import reference_of
from tests.raw_orders import baseline_of, raw_model

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


RAW = raw_model()
RAW_BASELINE = baseline_of(RAW)
RAW_DOCUMENT = json.loads(manifest.write(replace(RAW.manifest, baseline=RAW_BASELINE)))
INPUTS = {
    "backlog": {"missing": 2},
    "carrier": {"counts": {"AA": 8, "B:6": 1, "ü": 1}},
    "depot": {"missing": 2, "unknown": 1, "counts": {"EWR": 7, "JFK": 0}},
    "size": {"missing": 2, "counts": {"S": 1, "L": 7}},
}


def test_the_entries_of_inputs_are_those_that_the_format_documents():
    assert RAW_DOCUMENT["reference"]["inputs"] == INPUTS
    assert read(RAW_DOCUMENT).baseline == RAW_BASELINE
    reordered = {name: dict(reversed(INPUTS[name].items())) for name in reversed(INPUTS)}
    reordered["carrier"] = {"counts": dict(reversed(INPUTS["carrier"]["counts"].items()))}
    assert manifest.write(read(edited(["reference", "inputs"], reordered, RAW_DOCUMENT))) == manifest.write(read(RAW_DOCUMENT))


@pytest.mark.parametrize(
    ("path", "value", "location"),
    [
        *(((), value, ".inputs") for value in (MISSING, None, [], {**INPUTS, SECRET_TEXT: {"missing": 0}})),
        *((("distance",), {"missing": 0}, ".inputs"), (("backlog",), MISSING, ".inputs.backlog")),
        *((("backlog",), value, ".inputs.backlog") for value in (None, 2, {"missing": 2, "unknown": 0}, {"missing": 11})),
        *((("backlog", "missing"), value, ".inputs.backlog.missing") for value in (MISSING, None, -1, True, SECRET_NUMBER)),
        (("carrier", "missing"), 0, ".inputs.carrier"),
        (("size", "unknown"), 0, ".inputs.size"),
        (("depot", "unknown"), MISSING, ".inputs.depot.unknown"),
        (("depot", "unknown"), 0, ".inputs.depot"),
        (("depot", "missing"), 3, ".inputs.depot"),
        *((("carrier", "counts"), value, ".inputs.carrier.counts") for value in (MISSING, None, {}, [8, 1, 1])),
        *((("carrier", "counts", name), 0, ".inputs.carrier.counts") for name in ("aa", SECRET_TEXT)),
        (("carrier", "counts", "ü"), MISSING, ".inputs.carrier.counts"),
        (("carrier", "counts", "ü"), 2, ".inputs.carrier"),
        *((("carrier", "counts", "ü"), value, ".inputs.carrier.counts[2]") for value in (None, 1.5, -1, SECRET_TEXT)),
    ],
)
def test_what_is_wrong_with_counts_of_inputs_is_rejected_by_its_place(path, value, location):
    with rejects(BadManifest, f"manifest.reference{location}"):
        read(edited(["reference", "inputs", *path], value, RAW_DOCUMENT))


def test_a_model_that_needs_no_counts_of_inputs_has_no_entry_for_them():
    assert "inputs" not in referred_document()["reference"]
    with rejects(BadManifest, "manifest.reference"):
        read(edited(["reference", "inputs"], {}, referred_document()))


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
        assert baseline.checked(document, "reference", NAMES, ()).calibration[0].observed_rate == late / count
