"""The exporter of scikit-learn, run on pipelines that are fitted here: the service scores as predict_proba does."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler

from tests import exporter_scripts
from tests.fitted_pipelines import drawn, orders_of

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Found unknown categories:UserWarning"
)


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    return exporter_scripts.printed("sklearn", tmp_path_factory.mktemp("script"))


@pytest.mark.parametrize("seed", [*range(40), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(40, 400))])
def test_fresh_orders_of_any_pipeline_get_the_scores_of_predict_proba(exporter, tmp_path, seed):
    fitted = drawn(seed)
    exporter.export(fitted.pipeline, fitted.trained, tmp_path, fitted.names)
    model = exporter_scripts.imported(tmp_path, "1e-12", "--activations", fitted.activations)
    names = [each.replace(" ", "_") for each in fitted.names]
    found = exporter_scripts.served(tmp_path, orders_of(fitted, names))
    np.testing.assert_allclose(found, fitted.pipeline.predict_proba(fitted.fresh)[:, 1], rtol=0, atol=1e-12)
    provenance = model.manifest.provenance
    assert provenance["checked_orders"] == "100"
    assert not model.manifest.prepared or provenance["network_checked_orders"] == "100"


RNG = np.random.default_rng(5)
NUMBERS = RNG.gamma(2.0, 3.0, (60, 2))
LATE = RNG.random(60) < 0.4
TEXTS = RNG.choice(["AA", "UA"], (60, 1)).astype(object)
LOG = FunctionTransformer(np.log1p)


def on_numbers(*steps, classes=LATE, last=None):
    """A pipeline of these steps, fitted on two numbers."""
    return make_pipeline(*steps, MLPClassifier((2,), max_iter=3) if last is None else last).fit(NUMBERS, classes), NUMBERS


def on_texts(encoder, x=TEXTS):
    """A pipeline of an encoder, fitted on one text."""
    return make_pipeline(encoder, MLPClassifier((2,), max_iter=3)).fit(x, LATE), x


def two_ways():
    gaps = np.where(RNG.random(NUMBERS.shape) < 0.2, np.nan, NUMBERS)
    ways = [("a", SimpleImputer(strategy="mean"), [0, 1]), ("b", SimpleImputer(strategy="constant"), [0])]
    return make_pipeline(ColumnTransformer(ways), MLPClassifier((2,), max_iter=3)).fit(gaps, LATE), gaps


def with_gaps():
    return np.where(np.arange(60)[:, np.newaxis] % 7 == 0, np.array(np.nan, object), TEXTS)


ONE_HOT = "onehotencoder (OneHotEncoder): "
SET = 'set handle_unknown = "ignore" on it, which needs no new training'
NOT_EXPORTED = {
    "an unknown step": (
        lambda: on_numbers(KBinsDiscretizer(quantile_method="linear")),
        "kbinsdiscretizer (KBinsDiscretizer): is none of ",
    ),
    "a nested step": (
        lambda: on_numbers(ColumnTransformer([("bins", KBinsDiscretizer(quantile_method="linear"), [0])])),
        "columntransformer.bins (KBinsDiscretizer): is none of ",
    ),
    "another model": (
        lambda: on_numbers(last=RandomForestClassifier(2)),
        "the last step (RandomForestClassifier): must be a LogisticRegression or MLPClassifier",
    ),
    "three classes": (
        lambda: on_numbers(classes=RNG.integers(0, 3, 60)),
        "the last step (MLPClassifier): must have two classes, as the service scores one probability",
    ),
    "another function": (
        lambda: on_numbers(FunctionTransformer(np.sqrt)),
        "functiontransformer (FunctionTransformer): computes another function than np.log1p",
    ),
    "a logarithm of scaled numbers": (
        lambda: on_numbers(StandardScaler(with_mean=False), LOG),
        "functiontransformer (FunctionTransformer): takes columns that are no inputs; put it before the scaler",
    ),
    "gaps of a logarithm": (
        lambda: on_numbers(LOG, SimpleImputer()),
        "simpleimputer (SimpleImputer): fills gaps of a function; put it before the function",
    ),
    "gaps that are numbers": (
        lambda: on_numbers(SimpleImputer(missing_values=-1.0)),
        "simpleimputer (SimpleImputer): gaps must be NaN or None",
    ),
    "weights": (
        lambda: on_numbers(ColumnTransformer([("a", "passthrough", [0])], transformer_weights={"a": 2.0})),
        "columntransformer (ColumnTransformer): weighs its transformers",
    ),
    "unknown numbers that are an error": (lambda: on_numbers(OneHotEncoder()), f"{ONE_HOT}rejects unknown numbers, "),
    "gaps and unknown texts": (lambda: on_texts(OneHotEncoder(), with_gaps()), f"{ONE_HOT}has gaps as a category, "),
    "infrequent categories": (lambda: on_texts(OneHotEncoder(min_frequency=2)), f"{ONE_HOT}groups infrequent categories"),
    "unknown as infrequent": (
        lambda: on_texts(OneHotEncoder(handle_unknown="infrequent_if_exist")),
        f"{ONE_HOT}counts unknown values as infrequent; {SET}",
    ),
    "one category": (
        lambda: on_texts(OneHotEncoder(drop="first"), np.column_stack([TEXTS, np.full(60, "AA", object)])),
        f"{ONE_HOT}drops the only category",
    ),
    "an input filled in two ways": (two_ways, "input x0: is filled or encoded in two ways"),
}


@pytest.mark.parametrize(("make", "reason"), NOT_EXPORTED.values(), ids=NOT_EXPORTED)
def test_what_the_service_cannot_compute_is_named_and_nothing_is_written(exporter, tmp_path, make, reason):
    pipeline, orders = make()
    with pytest.raises(exporter.CannotExport) as raised:
        exporter.export(pipeline, orders, tmp_path / "exported")
    assert str(raised.value).startswith(reason)
    assert not (tmp_path / "exported").exists()


def test_an_encoder_that_is_set_to_ignore_as_the_error_says_is_exported(exporter, tmp_path):
    pipeline, orders = on_numbers(OneHotEncoder())
    pipeline[0].handle_unknown = "ignore"
    exporter.export(pipeline, orders, tmp_path)
    exporter_scripts.imported(tmp_path, "1e-12")


def test_a_logistic_regression_is_a_network_of_one_layer(exporter, tmp_path):
    pipeline, orders = on_numbers(StandardScaler(), last=LogisticRegression())
    exporter.export(pipeline, orders, tmp_path)
    assert exporter_scripts.imported(tmp_path, "1e-12").network.sizes == (2, 1)


def test_the_ranges_of_the_inputs_are_those_of_all_orders_and_unused_columns_are_accepted(exporter, tmp_path):
    frame = pd.DataFrame({"back log": NUMBERS[:, 0], "score": NUMBERS[:, 1], "lane": TEXTS[:, 0]})
    prepare = ColumnTransformer([("numbers", StandardScaler(), ["back log", "score"])])
    exporter.export(make_pipeline(prepare, MLPClassifier((2,), max_iter=3)).fit(frame, LATE), frame, tmp_path)
    written = json.loads((tmp_path / "preparation.json").read_text())
    ends = [(column.min(), column.max()) for column in NUMBERS.T]
    assert [(each["name"], each["minimum"], each["maximum"]) for each in written["inputs"]] == [
        ("back_log", *ends[0]),
        ("score_2", *ends[1]),
    ]
    assert written["also_accepts"] == ["lane"]
    model = exporter_scripts.imported(tmp_path, "1e-12")
    assert len(model.manifest.self_test.orders) >= 5


def test_an_unknown_category_is_rejected_where_the_encoder_raises(exporter, tmp_path):
    pipeline, orders = on_texts(OneHotEncoder())
    exporter.export(pipeline, orders, tmp_path, ["carrier"])
    model = exporter_scripts.imported(tmp_path, "1e-12")
    (carrier,) = model.manifest.inputs
    assert (carrier.values, carrier.unknown, carrier.optional) == (("AA", "UA"), "refuse", False)
