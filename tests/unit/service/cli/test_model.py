import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import model
from model.artifact import model_file

PACKAGED = Path(model.__file__).with_name("delivery-risk-1.0.0.npz")


@pytest.fixture
def arrays(tmp_path):
    np.savez(
        tmp_path / "trained.npz",
        feature_names=np.array(["backlog", "distance"]),
        mean=np.array([3.0, 100.0]),
        scale=np.array([2.0, 50.0]),
        w1=np.array([[1.0, 0.5], [-1.0, 0.25], [0.0, 0.0]]),
        b1=np.array([0.0, 0.1, -1.0]),
        w2=np.array([[1.0, -2.0, 3.0]]),
        b2=np.array([-0.5]),
    )
    return "trained.npz"


def make(run, source, *more):
    return run("model", "import", source, "--name", "made", "--version", "7", "--threshold", "0.4", "--out", "made.npz", *more)


def test_one_command_rebuilds_the_packaged_model_byte_for_byte(run, tmp_path):
    assert run("model", "default", "--out", "again.npz").exit_code == 0
    assert (tmp_path / "again.npz").read_bytes() == PACKAGED.read_bytes()


def test_an_imported_model_is_sound_and_says_where_it_came_from(run, arrays, tmp_path):
    done = make(run, arrays)
    assert done.exit_code == 0
    made = model_file.read(tmp_path / "made.npz")
    assert made.sha256 in done.stdout
    assert (made.manifest.name, made.manifest.version, made.manifest.threshold) == ("made", "7", 0.4)
    assert made.manifest.provenance["source_sha256"] == hashlib.sha256((tmp_path / arrays).read_bytes()).hexdigest()


def test_the_same_import_gives_the_same_bytes(run, arrays, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    make(run, arrays)
    first = (tmp_path / "made.npz").read_bytes()
    make(run, arrays)
    assert (tmp_path / "made.npz").read_bytes() == first
    assert model_file.loads(first).manifest.created == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("epoch", ["abc", "-1", "1.5", " 1", "1_0", "٣", "253402300800", "9" * 400])
@pytest.mark.parametrize("command", ["import", "card"])
def test_a_source_date_that_is_none_is_refused_without_repeating_it(run, arrays, tmp_path, monkeypatch, command, epoch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    (tmp_path / "orders.csv").write_text("order_id,route_disruption,backlog,weather_severity\na,1,1,1\n")
    more = (arrays,) if command == "import" else (PACKAGED, "--on", "orders.csv", "--version", "2", "--out", "made.npz")
    done = make(run, *more) if command == "import" else run("model", "card", *more)
    assert (done.exit_code, (tmp_path / "made.npz").exists()) == (2, False)
    assert done.stderr.endswith("Error: SOURCE_DATE_EPOCH: expected whole seconds since 1970\n")


@pytest.mark.parametrize(("epoch", "created"), [("0", "1970-01-01T00:00:00Z"), ("253402300799", "9999-12-31T23:59:59Z")])
def test_the_first_and_the_last_second_are_source_dates(run, arrays, tmp_path, monkeypatch, epoch, created):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    make(run, arrays)
    assert model_file.read(tmp_path / "made.npz").manifest.created == created


def test_an_import_that_fails_names_the_place_and_writes_nothing(run, arrays, tmp_path):
    done = make(run, arrays, "--activations", "relu,relu")
    assert done.exit_code == 1
    assert "manifest.activations: 2 activations for 1 hidden layers" in done.stderr
    assert not (tmp_path / "made.npz").exists()


def test_the_card_gives_ranges_and_words(run, arrays, tmp_path):
    features = [{"name": "distance", "train_min": 1, "train_max": 900, "unit": "km"}, {"name": "backlog", "minimum": 0}]
    (tmp_path / "card.json").write_text(json.dumps({"features": features}))
    make(run, arrays, "--card", "card.json")
    backlog, distance = model_file.read(tmp_path / "made.npz").manifest.features
    assert (backlog.minimum, backlog.maximum, distance.minimum, distance.maximum, distance.unit) == (0, None, 1, 900, "km")


def test_a_card_with_a_name_misspelt_makes_no_model(run, arrays, tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({"features": [{"name": "distance", "min": 1}, {"name": "backlog"}]}))
    done = make(run, arrays, "--card", "card.json")
    assert (done.exit_code, done.stdout, (tmp_path / "made.npz").exists()) == (1, "", False)
    assert done.stderr.startswith("Error: card.features.distance: contains 'min'; expected only name, unit, description, ")


@pytest.mark.parametrize(("entry", "count"), [({}, 0), ({"minimum": 0}, 1), ({"train_min": 0, "train_max": 9, "p01": 1}, 1)])
def test_an_import_tells_how_many_features_have_a_range(run, arrays, tmp_path, entry, count):
    (tmp_path / "card.json").write_text(json.dumps({"features": [{"name": "distance"}, {"name": "backlog", **entry}]}))
    assert make(run, arrays, "--card", "card.json").stdout.splitlines()[1:] == [f"{count} of 2 features have a range"]


def test_inspect_prints_features_shapes_and_parameter_count(run):
    told = run("model", "inspect", PACKAGED).stdout
    for said in ("delivery-risk 1.0.0", "3-3-1, 16 parameters", "w1 (3, 3)", "weather_severity", "0.0 .. 10.0", "not learned"):
        assert said in told


def test_inspect_prints_means_scales_and_ranges_to_the_last_digit(run, arrays, tmp_path):
    told = {"name": "distance", "minimum": -0.1, "maximum": 13.825304, "unit": "km"}
    (tmp_path / "card.json").write_text(json.dumps({"features": [told, {"name": "backlog", "maximum": 1e23}]}))
    saved = dict(np.load(tmp_path / arrays)) | {"mean": np.array([0.1 + 0.2, 100.0]), "scale": np.array([2.0, 1 / 3])}
    np.savez(tmp_path / "digits.npz", **saved)
    make(run, "digits.npz", "--card", "card.json")
    rows = [line.split() for line in run("model", "inspect", "made.npz").stdout.splitlines()]
    assert ["backlog", "0.30000000000000004", "2.0", "..", "1e+23"] in rows
    assert ["distance", "100.0", "0.3333333333333333", "-0.1", "..", "13.825304", "km"] in rows


def test_inspect_prints_no_text_of_a_file_that_would_pass_for_a_line_or_steer_the_terminal(run, arrays, tmp_path):
    steering = "\x85\x9b2J\u2028\u202e"
    features = [{"name": "distance", "unit": f"km{steering}"}, {"name": "backlog"}]
    (tmp_path / "card.json").write_text(json.dumps({"features": features}))
    done = make(run, arrays, "--card", "card.json", "--description", f"é\nsha256      0000\r\x1b[2J{steering}")
    assert done.exit_code == 0
    made = model_file.read(tmp_path / "made.npz")
    provenance = {f"a{steering}": "b\nsha256      0000"}
    model_file.write(replace(made, manifest=replace(made.manifest, provenance=provenance)), tmp_path / "made.npz")
    told = run("model", "inspect", "made.npz").stdout
    assert [line.split()[0] for line in told.splitlines()].count("sha256") == 1
    assert set(told) - {"\n"} <= {each for each in told if each.isprintable()}
    escaped = r"\x85\x9b2J\u2028\u202e"
    for said in (rf"description é\nsha256      0000\r\x1b[2J{escaped}", f"km{escaped}", rf"provenance  a{escaped}: b\nsha256"):
        assert said in told


def test_inspect_on_orders_finds_dead_units_z_ranges_and_saturation(run, arrays, tmp_path):
    make(run, arrays)
    rows = ["backlog,order_id,distance", "3,a,100", "7,b,100", "1003,c,100", ",d,100"]
    (tmp_path / "orders.csv").write_text("\n".join(rows) + "\n")
    told = run("model", "inspect", "made.npz", "--on", "orders.csv").stdout
    assert "3 orders, 1 rows refused" in told
    assert ["backlog", "0.000", "500.000", "0"] in [line.split() for line in told.splitlines()]
    assert "66.7% 33.3% 0.0%" in told
    assert "units never active: 2" in told
    assert "0 scores within 0.001 of 0, 1 of 1" in told


ON_ORDERS: dict[str, list[object]] = {
    "inspect": [PACKAGED],
    "card": [PACKAGED, "--version", "2", "--out", "2.npz"],
    "diff": [PACKAGED, PACKAGED],
}


@pytest.mark.parametrize("command", ON_ORDERS)
def test_orders_in_a_file_of_any_ending_are_read_in_the_format_that_is_given(run, tmp_path, command):
    (tmp_path / "orders.txt").write_text("order_id,route_disruption,backlog,weather_severity\na,1,1,1\n")
    arguments: tuple[object, ...] = ("model", command, *ON_ORDERS[command], "--on", "orders.txt")
    unsaid = run(*arguments)
    assert (unsaid.exit_code, "orders.txt: its ending tells no format; give --format." in unsaid.stderr) == (2, True)
    told = run(*arguments, "--format", "csv")
    assert (told.exit_code, "on orders.txt: 1 orders" in told.output) == (0, True)


def test_validate_tells_a_sound_file_from_a_broken_one(run, tmp_path):
    assert "is sound" in run("model", "validate", PACKAGED).stdout
    (tmp_path / "cut.npz").write_bytes(PACKAGED.read_bytes()[:-40])
    broken = run("model", "validate", "cut.npz")
    assert (broken.exit_code, broken.stdout) == (1, "")
    assert "not a valid zip archive" in broken.stderr


def test_validate_holds_the_file_against_a_digest(run):
    digest = hashlib.sha256(PACKAGED.read_bytes()).hexdigest()
    assert run("model", "validate", PACKAGED, "--sha256", digest).exit_code == 0
    assert run("model", "validate", PACKAGED, "--sha256", digest.upper()).exit_code == 0
    assert run("model", "validate", PACKAGED, "--sha256", "0" * 64).exit_code == 1


def test_a_feature_with_the_name_of_a_result_is_imported_and_said_to_be_not_servable(run, arrays, tmp_path):
    saved = dict(np.load(tmp_path / arrays)) | {"feature_names": np.array(["backlog", "queue"])}
    np.savez(tmp_path / "queue.npz", **saved)
    said = "features must not be named `queue`, which is an output column"
    assert make(run, "queue.npz").stdout.endswith(f"\nnot servable: {said}\n")
    (tmp_path / "models").mkdir()
    for command in (["validate", "made.npz"], ["publish", "made.npz", "--to", "models"]):
        done = run("model", *command)
        assert (done.exit_code, done.stderr) == (1, f"Error: made.npz: manifest.features: {said}\n")


def test_a_network_that_gives_no_risk_is_imported_and_said_to_be_not_servable(run, arrays):
    done = make(run, arrays, "--head", "identity")
    assert (done.exit_code, "not servable" in done.stdout) == (0, True)
    assert "not servable" in run("model", "inspect", "made.npz").stdout
    assert run("model", "validate", "made.npz").exit_code == 1
    assert "one output under a sigmoid head" in run("score", "--model", "made.npz", given="").stderr
