import functools
import json
import operator
import time

import pytest

from model.artifact import manifest
from model.core.manifest import MOST_ORDERS, SCORE_EDGES
from model.errors import BadManifest
from tests.model_files import MISSING, SECRET_NUMBER, SECRET_TEXT, document, edited, referred_document, rejects
from tests.unit.model.artifact.broken_models import TEXT


def location_of(path):
    return "manifest" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def rejection(location, text):
    """The reason of the error with this location."""
    with rejects(BadManifest, location) as rejected:
        manifest.read(text if isinstance(text, bytes) else json.dumps(text).encode())
    return rejected.value.reason


FEATURE = ("features", 0)
DAY = "2026-11-20T"
SLOPES = [f"leaky_relu:{slope}" for slope in ("", "2", "-0.1", "1.5", ".5", "0.", "0,2", "nan", "0.2\n", "٠.٢", SECRET_NUMBER)]

WRONG: dict[tuple[str | int, ...], list[object]] = {
    ("format",): [3, 0, "1", None, True, [1], 1.5, SECRET_NUMBER],
    ("name",): ["", "a b", "-a", ".a", "a/b", "a\n", "é", "a" * 65, f"{SECRET_TEXT}!", None, 3, True, ["a"]],
    ("version",): ["", "1 0", "-1", "1/0", "1\n", "1" * 65, f"{SECRET_TEXT}!", None, 1.0, []],
    ("created",): [
        *("", SECRET_TEXT, "2026-11-20", f"{DAY}00:00:00", f"{DAY}00:00:00+00:00", f"{DAY}00:00:00Z\n", 0, None),
        *("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", f"{DAY}24:00:00Z", f"{DAY}00:60:00Z", "２０２６-11-20T00:00:00Z"),
    ],
    ("description",): [None, 3, ["a"], "x" * 4001, f"{SECRET_TEXT}\ud800"],
    ("features",): [[], {}, None, SECRET_TEXT, 3],
    FEATURE: [None, SECRET_TEXT, 3, []],
    (*FEATURE, "name"): ["", "1a", "a-b", "a b", "é", "a\n", "a" * 65, "order_id", f"{SECRET_TEXT}!", None, 3, True],
    (*FEATURE, "unit"): [None, 3, "a\nb", "\x7f", "\x00", "x" * 501, "\ud800"],
    (*FEATURE, "description"): [None, 3, "x" * 4001, "\udfff"],
    (*FEATURE, "minimum"): [None, "0", True, [0.0], 10**400, SECRET_TEXT],
    (*FEATURE, "maximum"): [None, "9", False, {}, -(10**400)],
    ("activations",): [[], {}, None, "relu"],
    ("activations", 0): ["swish", "ReLU", "relu\n", "", SECRET_TEXT, None, 3, ["relu"], "relu:0.2", *SLOPES],
    ("head",): ["Sigmoid", "sigmoid\n", "", "relu", SECRET_TEXT, None, 3, []],
    ("threshold",): [-0.01, -5e-324, 1.0000000000000002, 60, SECRET_NUMBER, None, "0.5", True, [0.5], 10**400],
    ("self_test",): [None, [], 3, SECRET_TEXT],
    ("self_test", "orders"): [[], {}, None, 3],
    ("self_test", "orders", 1): [[], {}, None, SECRET_NUMBER],
    ("self_test", "orders", 1, 2): [None, "9", True, [9.0], 10**400, SECRET_TEXT],
    ("self_test", "scores"): [[], {}, None, 3],
    ("self_test", "scores", 2): [[], None, SECRET_NUMBER],
    ("self_test", "scores", 2, 0): [None, "0.7", False, SECRET_TEXT],
    ("provenance",): [None, [], SECRET_TEXT, 3],
    ("provenance", "source"): [None, 3, [SECRET_TEXT], "x" * 4001, "\ud800"],
}
ROW = ("reference", "calibration", 1)
BACKLOG = ("reference", "zscores", "backlog")
WRONG_REFERENCE = {
    ("reference",): [None, 3, SECRET_TEXT, [SECRET_TEXT], True],
    ("reference", "orders"): [None, True, 10.0, -10, 0, MOST_ORDERS + 1, "10", [10]],
    ("reference", "review"): [None, False, 6.0, -1, MOST_ORDERS + 1, SECRET_TEXT],
    ("reference", "scores"): [None, [], SECRET_TEXT],
    ("reference", "scores", "edges"): [None, {}, [], list(SCORE_EDGES[1:]), [*SCORE_EDGES, SECRET_NUMBER]],
    ("reference", "scores", "edges", 3): [None, "0.2", True, 10**400],
    ("reference", "scores", "counts"): [None, {}, [], [4, *[0] * 18, 6], [4, *[0] * 18, 6, 0, 0]],
    ("reference", "scores", "counts", 5): [None, True, 0.0, -1, MOST_ORDERS + 1, SECRET_TEXT],
    ("reference", "zscores"): [None, [], SECRET_TEXT],
    BACKLOG: [None, [], SECRET_TEXT],
    (*BACKLOG, "edges"): [list(SCORE_EDGES), [SECRET_NUMBER]],
    (*BACKLOG, "counts"): [[10, *[0] * 14], [9, *[0] * 15]],
    ("reference", "calibration"): [None, {}, SECRET_TEXT, []],
    ROW: [None, [], SECRET_TEXT],
    (*ROW, "to"): [None, "1", True, SECRET_NUMBER],
    (*ROW, "orders"): [None, 6.0, 0, True],
    (*ROW, "mean_score"): [None, "0.97", SECRET_NUMBER, 0.9499999999999998, -0.1],
    (*ROW, "observed_rate"): [None, "0.5", SECRET_NUMBER, 0.25, 0.4, 1.5, -0.5, 0.5000000000000001],
}
ROWS = [
    pytest.param(path, value, id=f"{location_of(path)}-{value!a:.30}")
    for path, values in (WRONG | WRONG_REFERENCE).items()
    for value in values
]


@pytest.mark.parametrize(("path", "value"), ROWS)
def test_an_entry_of_another_kind_is_rejected_by_its_path(path, value):
    rejection(location_of(path), edited(path, value, referred_document()))


REQUIRED: list[tuple[object, ...]] = [(name,) for name in document() if name != "provenance"]
REQUIRED += [(*FEATURE, "name"), ("self_test", "orders"), ("self_test", "scores"), BACKLOG]
REQUIRED += [("reference", *rest) for rest in (["orders"], ["review"], ["scores"], ["scores", "edges"], ["scores", "counts"])]
REQUIRED += [("reference", "zscores"), *((*ROW, name) for name in ("to", "orders", "mean_score", "observed_rate"))]


@pytest.mark.parametrize("path", REQUIRED, ids=location_of)
def test_an_entry_that_is_missing_is_named(path):
    assert rejection(location_of(path), edited(path, MISSING, referred_document())) == "missing"


OBJECTS = [(), FEATURE, ("self_test",), ("reference",), ("reference", "scores"), ("reference", "zscores"), BACKLOG, ROW]


@pytest.mark.parametrize("path", OBJECTS, ids=location_of)
def test_an_unknown_entry_is_rejected_by_the_path_of_its_object(path):
    rejection(location_of(path), edited((*path, SECRET_TEXT), 1, referred_document()))


OPTIONAL = [(*FEATURE, "unit"), (*FEATURE, "description"), (*FEATURE, "minimum"), ("provenance",)]


@pytest.mark.parametrize("path", OPTIONAL, ids=location_of)
def test_an_optional_entry_may_be_missing(path):
    manifest.read(json.dumps(edited(path, MISSING)).encode())


@pytest.mark.parametrize("key", ["a\nb", "\x7f", "x" * 501, "\ud800"], ids=ascii)
def test_a_provenance_of_an_invalid_name_is_rejected(key):
    rejection("manifest.provenance", edited(["provenance", key], "a script"))


def test_a_feature_given_twice_or_whose_minimum_is_over_its_maximum_is_named():
    assert rejection("manifest.features", edited(["features", 2, "name"], "backlog")) == "feature backlog is given twice"
    assert "backlog" in rejection("manifest.features[1]", edited(["features", 1, "minimum"], SECRET_NUMBER))


@pytest.mark.parametrize("text", [b"[]", b"null", b"3", b'"tattletale"', b"true"])
def test_what_is_not_an_object_is_rejected(text):
    assert rejection("manifest", text) == "expected an object"


@pytest.mark.parametrize(
    ("number", "where"), [("0.6", "threshold"), ("10.0", "features[0].maximum"), ("8.0", "self_test.orders[1][0]")]
)
def test_a_number_too_large_for_a_float_is_rejected_by_its_path(number, where):
    rejection(f"manifest.{where}", TEXT.replace(number, "1e400", 1).encode())


def test_reading_time_is_linear_in_the_number_of_features():
    features = [{"name": f"f{number}"} for number in range(20_000)]
    text = json.dumps(edited(["features"], features)).encode()
    begun = time.process_time()
    assert len(manifest.read(text).features) == 20_000
    # A pass over them takes a tenth of a second, comparing each with all takes several seconds.
    assert time.process_time() - begun < 1.5


LIMITS: dict[tuple[str | int, ...], list[object]] = {
    ("name",): ["a", "A" * 64, "0.a_B-c"],
    ("version",): ["1", "1" * 64, "2026-11-20.1+b_c"],
    ("description",): ["", "x" * 4000, "two\nlines", "é 漢 🚚"],
    (*FEATURE, "name"): ["a", "_", "x" * 64, "order_ids", "Order_id", "class"],
    (*FEATURE, "unit"): ["", "x" * 500, "°C"],
    (*FEATURE, "minimum"): [-1.7976931348623157e308, 0, 10.0, -1e300],
    ("threshold",): [0, 1, 0.0, 1.0, 5e-324, -0.0],
    ("provenance",): [{}, {"": ""}, {"training run": "two\nlines"}],
}
ACCEPTED = [
    pytest.param(path, value, id=f"{location_of(path)}-{value!a:.20}") for path, values in LIMITS.items() for value in values
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_an_entry_at_its_limits_is_kept_as_it_is(path, value):
    entry = json.loads(manifest.write(manifest.read(json.dumps(edited(path, value)).encode())))
    assert functools.reduce(operator.getitem, path, entry) == value


def test_integers_are_read_as_floats():
    assert type(manifest.read(json.dumps(edited(["threshold"], 1)).encode()).threshold) is float
