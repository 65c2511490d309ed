"""The exporter of scikit-learn, run on pipelines that are fitted here: the service scores as predict_proba does."""

import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
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


@pytest.fixture
def mixed():
    """A DataFrame of numbers, truths, integers and texts, with gaps."""
    frame = pd.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], "rush": NUMBERS[:, 0] > 5, "items": np.arange(60) % 7})
    return frame.assign(carrier=TEXTS[:, 0]).mask(np.arange(300).reshape(60, 5) % 11 == [0, -1, -1, -1, 3])


def to_the_service(frame):
    """Its rows as a client sends them: truths as 1 and 0."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{name: int(value) if isinstance(value, bool) else value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("remainder", ["passthrough", StandardScaler()], ids=["passthrough", "scaled"])
def test_columns_by_name_slice_mask_and_function_truths_and_the_remainder_are_those_of_the_pipeline(
    exporter, tmp_path, mixed, remainder
):
    inner = make_pipeline(ColumnTransformer([("a", SimpleImputer(), [0])], remainder="passthrough"), StandardScaler())
    parts = [
        ("numbers", inner, slice("a", "b")),
        ("text", OneHotEncoder(handle_unknown="ignore"), lambda frame: ["carrier"]),
        ("items", OneHotEncoder(handle_unknown="ignore"), [False, False, False, True, False]),
    ]
    prepare = ColumnTransformer(parts, remainder=remainder, sparse_threshold=0)
    pipeline = make_pipeline(prepare, "passthrough", StandardScaler(), MLPClassifier((3,), max_iter=5)).fit(mixed, LATE)
    exporter.export(pipeline, mixed, tmp_path)
    exporter_scripts.imported(tmp_path, "1e-12")
    found = exporter_scripts.served(tmp_path, to_the_service(mixed))
    np.testing.assert_allclose(found, pipeline.predict_proba(mixed)[:, 1], rtol=0, atol=1e-12)


def test_the_best_pipeline_of_a_search_is_exported(exporter, tmp_path):
    pipeline, orders = on_numbers(StandardScaler())
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.1, 0.2]}, cv=2).fit(orders, LATE)
    exporter.export(search, orders, tmp_path, ["a", "b"])
    exporter_scripts.imported(tmp_path, "1e-12")


def program(exporter, folder, *arguments):
    """Run the printed script as a program in its folder."""
    command = [sys.executable, "-W", "ignore", exporter.__file__, *arguments, "--out", "exported"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_program_takes_the_steps_of_a_pipeline_from_several_files_and_its_columns_by_name(exporter, tmp_path):
    scaler = StandardScaler().fit(NUMBERS)
    network = MLPClassifier((3,), max_iter=5).fit(scaler.transform(NUMBERS), LATE)
    joblib.dump(scaler, tmp_path / "scaler.joblib")
    (tmp_path / "network.pkl").write_bytes(pickle.dumps(network))
    pd.DataFrame({"b": NUMBERS[:, 1], "late": LATE, "a": NUMBERS[:, 0]}).to_csv(tmp_path / "orders.csv", index=False)
    done = program(exporter, tmp_path, "scaler.joblib", "network.pkl", "orders.csv", "--columns", "a,b")
    assert done.returncode == 0, done.stderr
    exporter_scripts.imported(tmp_path / "exported", "1e-12")
    found = exporter_scripts.served(tmp_path / "exported", [{"a": a, "b": b} for a, b in NUMBERS.tolist()])
    expected = network.predict_proba(scaler.transform(NUMBERS))[:, 1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_the_program_reads_gaps_and_texts_of_a_csv_as_the_pipeline_takes_them(exporter, tmp_path):
    x = np.column_stack([NUMBERS.astype(object), TEXTS])
    x[::5, 0] = x[::7, 2] = None
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    prepare = ColumnTransformer([("a", SimpleImputer(add_indicator=True), [0]), ("b", "passthrough", [1]), ("c", encoder, [2])])
    pipeline = make_pipeline(prepare, StandardScaler(), MLPClassifier((3,), max_iter=5)).fit(x, LATE)
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    pd.DataFrame(x, columns=["a", "b", "c"]).to_csv(tmp_path / "orders.csv", index_label="order_id")
    done = program(exporter, tmp_path, "pipeline.joblib", "orders.csv")
    assert done.returncode == 0, done.stderr
    model = exporter_scripts.imported(tmp_path / "exported", "1e-12")
    assert [each.name for each in model.manifest.features] == ["a", "a_missing", "b", "c_AA", "c_UA", "c_missing"]
    found = exporter_scripts.served(tmp_path / "exported", [dict(zip("abc", row, strict=True)) for row in x.tolist()])
    np.testing.assert_allclose(found, pipeline.predict_proba(x)[:, 1], rtol=0, atol=1e-12)


PROGRAM = {
    "a column that is not there": ("a,c\n1,2\n", "orders.csv: has no column 'b'"),
    "a text in place of a number": ("a,b\n1,2\n1,x\n", "column 'b', order 2: is no number"),
    "no orders": ("a,b\n", "there are no orders; give some, so that the import can compare their scores"),
}


@pytest.mark.parametrize(("text", "reason"), PROGRAM.values(), ids=PROGRAM)
def test_the_program_ends_with_what_is_wrong_and_no_traceback(exporter, tmp_path, text, reason):
    frame = pd.DataFrame(NUMBERS, columns=["a", "b"])
    joblib.dump(make_pipeline(StandardScaler(), MLPClassifier((2,), max_iter=3)).fit(frame, LATE), tmp_path / "p.joblib")
    (tmp_path / "orders.csv").write_text(text)
    done = program(exporter, tmp_path, "p.joblib", "orders.csv")
    assert (done.returncode, done.stderr, (tmp_path / "exported").exists()) == (1, f"Error: {reason}\n", False)
