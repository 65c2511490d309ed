from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import model_file
from service.config import DEFAULT_MODEL
from tests.models import reference_of

ORDER = '{"order_id": "a", "route_disruption": 5, "backlog": 9, "weather_severity": 4}\n'  # scores 0.732


@pytest.fixture
def set_threshold(run):
    """Make the version 2 of a model, by default the packaged one, whose threshold is 0.6."""

    def set_threshold(threshold, of=DEFAULT_MODEL, version="2"):
        return run("model", "set-threshold", of, threshold, "--version", version, "--out", "2.npz")

    return set_threshold


def test_the_new_version_has_the_threshold_and_names_the_model_it_was_made_from(set_threshold, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    done = set_threshold("0.75")
    before, after = model_file.read(DEFAULT_MODEL), model_file.read("2.npz")
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"2.npz: delivery-risk 2 (sha256 {after.sha256})\n", "")
    assert (after.manifest.threshold, after.manifest.created) == (0.75, "2023-11-14T22:13:20Z")
    assert after.manifest.provenance == {
        "source": "a worked example, computed by hand",
        "threshold_before": "0.6",
        "threshold_model_version": "1.0.0",
        "threshold_model_sha256": before.sha256,
    }


def test_everything_else_stays_the_same_to_the_last_bit(set_threshold):
    set_threshold("0.75")
    before, after = model_file.read(DEFAULT_MODEL), model_file.read("2.npz")
    assert model_file.dumps(replace(after, manifest=before.manifest)) == Path(DEFAULT_MODEL).read_bytes()
    names = ("version", "created", "threshold", "provenance")
    assert replace(after.manifest, **{name: getattr(before.manifest, name) for name in names}) == before.manifest


@pytest.mark.parametrize(("threshold", "queue"), [("0.73", "review"), ("0.74", "monitor")])
def test_an_order_goes_where_the_new_threshold_sends_it(set_threshold, run, threshold, queue):
    set_threshold(threshold)
    assert f'"queue": "{queue}"' in run("score", "--model", "2.npz", given=ORDER).stdout


def test_a_baseline_is_left_out_with_its_provenance_since_it_counts_reviews_at_the_old_threshold(set_threshold):
    model = model_file.read(DEFAULT_MODEL)
    baseline = reference_of(model.manifest.feature_names)
    provenance = {"source": "kept", "reference": "orders.csv", "reference_label": "late"}
    model_file.write(replace(model, manifest=replace(model.manifest, baseline=baseline, provenance=provenance)), "1.npz")
    done = set_threshold("0.05", of="1.npz")
    made = model_file.read("2.npz").manifest
    assert (made.baseline, "reference" in made.provenance, "reference_label" in made.provenance) == (None, False, False)
    assert done.stderr == "2.npz: has no baseline, since the one of 1.0.0 is for the threshold 0.6\n"


INVALID = {
    "over 1": (["1.5"], 1, "manifest.threshold: expected a finite number from 0 to 1"),
    "no number": (["nan"], 1, "manifest.threshold: expected a finite number from 0 to 1"),
    "a word": (["high"], 2, "'high' is not a valid float"),
    "the same version": (
        ["0.5", DEFAULT_MODEL, "1.0.0"],
        2,
        "is version 1.0.0 already: the content of a version never changes.",
    ),
    "an impossible version": (["0.5", DEFAULT_MODEL, "a b"], 1, "manifest.version: expected a version"),
    "no model": (["0.5", __file__], 1, "test_set_threshold.py: not a "),
}


@pytest.mark.parametrize(("given", "code", "error"), INVALID.values(), ids=INVALID)
def test_what_cannot_be_done_is_an_error_and_nothing_is_written(set_threshold, given, code, error):
    done = set_threshold(*given)
    assert (done.exit_code, error in done.stderr, done.stdout) == (code, True, ""), done.stderr
    assert not Path("2.npz").exists()


def test_a_registry_means_its_current_version(set_threshold, models):
    assert set_threshold("0.75", of=models).exit_code == 0
    assert model_file.read("2.npz").manifest.provenance["threshold_model_version"] == "8"


@pytest.fixture
def evaluation(run):
    """The output of evaluate --json on two orders, of which one may be reviewed."""
    Path("known.csv").write_text("order_id,route_disruption,backlog,weather_severity,late\na,5,9,4,1\nb,2,3,1,0\n")
    Path("evaluation.json").write_text(run("evaluate", "known.csv", "--label", "late", "--capacity", "1/day", "--json").stdout)
    return Path("evaluation.json")


def test_the_threshold_may_be_what_an_evaluation_recommends(run, evaluation):
    done = run("model", "set-threshold", DEFAULT_MODEL, "--recommended", evaluation, "--version", "2", "--out", "2.npz")
    assert done.exit_code == 0, done.stderr
    manifest = model_file.read("2.npz").manifest
    assert manifest.threshold == 0.7320405018416317
    assert manifest.provenance["threshold_reason"] == "the lowest threshold with on average at most 1 reviews a day"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace('"sha256": "', '"sha256": "0'), "evaluates another model"),
        (lambda text: text[:-9], "not the output of `delivery-risk evaluate --json`"),
        (lambda text: text.replace('"recommendation"', '"other"'), "not the output of `delivery-risk evaluate --json`"),
    ],
)
def test_an_evaluation_that_recommends_nothing_for_this_model_is_named(run, evaluation, change, reason):
    evaluation.write_text(change(evaluation.read_text()))
    done = run("model", "set-threshold", DEFAULT_MODEL, "--recommended", evaluation, "--version", "2", "--out", "2.npz")
    assert (done.exit_code, Path("2.npz").exists()) == (2, False)
    assert reason in done.stderr


def test_a_threshold_is_given_once(run, evaluation):
    for given in ((), ("0.5", "--recommended", evaluation)):
        done = run("model", "set-threshold", DEFAULT_MODEL, *given, "--version", "2", "--out", "2.npz")
        assert "Give a THRESHOLD, or --recommended FILE." in done.stderr
