"""The dashboard, checked against Grafana's types, the exported metrics, and the data of each panel in the live run.

No Grafana runs here. Its types leave the options of overrides and transformations open; this dashboard may use a known few.
"""

import copy
import json
import re
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from tests.deploy.monitoring import CHALLENGER, CHAMPION, Monitoring
from tests.deploy.panels import VARIABLES, dashboard, filled, legend, panels, series
from tests.deploy.programs import replace_text
from tests.deploy.promql import faults, renamed
from tests.facts import ROOT

pytestmark = pytest.mark.deploy

SCHEMA = jsonschema.Draft7Validator(json.loads((ROOT / "tests" / "deploy" / "schemas" / "dashboard.json").read_text()))
PANELS = {panel["title"]: panel for panel in panels()}
OVERRIDES = {"color": {"mode", "fixedColor"}, "custom.lineStyle": {"fill", "dash"}}
TRANSFORMATIONS = {
    "joinByField": {"byField", "mode"},
    "organize": {"excludeByName", "indexByName", "renameByName"},
    "sortBy": {"fields", "sort"},
}
SECONDS, MAX = 8, sys.float_info.max
RANGES = {"percentunit": (0, 1), "reqps": (0, MAX), "short": (0, MAX), "s": (0, MAX)}

each_panel = pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)


def repeated(board: dict) -> set[tuple]:
    """Cells that two panels share or that are beyond the grid, and repeated ids of panels or of a panel's targets."""
    found: Counter[tuple] = Counter()
    for model in board["panels"]:
        x, y, width, height = (model["gridPos"][key] for key in "xywh")
        found.update(("cell", x + dx, y + dy) for dx in range(width) for dy in range(height))
        found.update([("id", model["id"]), *(("target", model["id"], target["refId"]) for target in model.get("targets", []))])
    return {thing for thing, count in found.items() if count > 1 or (thing[0] == "cell" and thing[1] >= 24)}


def check_data(panel: dict, run: Monitoring) -> None:
    """Prometheus has series for each target of the panel, with the labels of its legend and a last value in its range."""
    low, high = RANGES.get(panel["fieldConfig"]["defaults"].get("unit"), (-MAX, MAX))
    for target in panel["targets"]:
        data = series(target, run, SECONDS)
        assert data, f"{target['refId']} is empty"
        for one in data:
            legend(target, one["metric"])
            assert low <= float(one["values"][-1][1]) <= high, f"{target['refId']} is not in its range"


def variables() -> dict[str, dict]:
    return {variable["name"]: variable for variable in dashboard()["templating"]["list"]}


def test_the_dashboard_is_valid_by_grafanas_own_types():
    assert [f"{error.json_path}: {error.message[:300]}" for error in SCHEMA.iter_errors(dashboard())] == []


@each_panel
def test_a_panel_with_an_option_that_grafana_does_not_know_is_invalid(panel):
    index = panel["id"] - 1
    for change in (
        lambda model: model["options"].update(colorMod="value"),
        lambda model: model["gridPos"].update(h="8"),
        lambda model: model["targets"][0].pop("refId"),
        lambda model: model["targets"][0].pop("expr"),
        lambda model: model["fieldConfig"]["defaults"].update(units="s"),
        lambda model: model["options"].clear(),
        lambda model: model.update(type="tabel"),
    ):
        board = dashboard()
        assert board["panels"][index]["title"] == panel["title"]
        change(board["panels"][index])
        assert not SCHEMA.is_valid(board)


@each_panel
def test_overrides_and_transformations_use_only_known_options(panel):
    names = [target["legendFormat"] for target in panel["targets"]]
    for override in panel["fieldConfig"]["overrides"]:
        assert override["matcher"]["id"] == "byRegexp"
        assert any(re.fullmatch(override["matcher"]["options"], name) for name in names)
        assert all(set(change["value"]) <= OVERRIDES[change["id"]] for change in override["properties"])
    for step in panel.get("transformations", []):
        assert set(step["options"]) == TRANSFORMATIONS[step["id"]]


def test_panels_do_not_overlap_and_have_unique_ids_and_titles():
    board = dashboard()
    assert len(PANELS) == len(panels())
    assert repeated(board) == set()
    board["panels"][3]["gridPos"]["x"] -= 1
    board["panels"][4]["id"] = board["panels"][5]["id"]
    assert {kind for kind, *_ in repeated(board)} == {"cell", "id", "target"}


@each_panel
def test_a_panel_uses_only_exported_metrics_and_a_renamed_metric_is_detected(panel):
    assert panel["description"].endswith(".")
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    texts = [filled(target["expr"]) for target in panel["targets"]]
    assert [fault for text in texts for fault in (["$"] * ("$" in text) + faults(text))] == []
    others = [other for text in texts for other in renamed(text)]
    assert others
    assert all(map(faults, others))


PATHS = ("grafana/provisioning/datasources/prometheus.yml", "grafana/provisioning/dashboards/delivery-risk.yml", "compose.yaml")


def check_provisioning(deploy: Path) -> None:
    """The data source is the one of the dashboard and of compose, the folder the one that compose mounts."""
    source, provider, compose = (yaml.safe_load((deploy / path).read_text()) for path in PATHS)
    services, (known,), (folder,) = compose["services"], source["datasources"], provider["providers"]
    assert (source["apiVersion"], provider["apiVersion"]) == (1, 1)
    assert set(known) == {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData"}, "an unknown key"
    assert set(folder) == {"name", "type", "disableDeletion", "allowUiUpdates", "updateIntervalSeconds", "options"}
    assert (known["type"], known["access"], folder["type"], set(folder["options"])) == ("prometheus", "proxy", "file", {"path"})
    assert variables()["datasource"]["query"] == known["type"]
    assert variables()["datasource"]["current"] == {"text": known["name"], "value": known["uid"]}, "another data source"
    address = urlsplit(known["url"])
    assert any(port.endswith(f":{address.port}") for port in services[address.hostname]["ports"]), "another port"
    assert f"./grafana/dashboards:{folder['options']['path']}:ro" in services["grafana"]["volumes"], "another folder"
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in services["grafana"]["volumes"]
    scrapes = yaml.safe_load((deploy / "prometheus" / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert known["jsonData"]["timeInterval"] == scrapes, "another interval"


def test_the_provisioning_names_the_data_source_and_the_folder_of_the_dashboard():
    check_provisioning(ROOT / "deploy")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("datasources/prometheus.yml", "uid: prometheus", "uid: prom", "another data source"),
        ("datasources/prometheus.yml", "prometheus:9090", "prometheus:9091", "another port"),
        ("datasources/prometheus.yml", "timeInterval: 15s", "timeInterval: 60s", "another interval"),
        ("datasources/prometheus.yml", "editable: false", "editabel: false", "an unknown key"),
        ("dashboards/delivery-risk.yml", "path: /var/lib/grafana/dashboards", "path: /dashboards", "another folder"),
    ],
)
def test_a_fault_in_the_provisioning_is_detected(deploy, file, old, new, message):
    replace_text(deploy / "grafana" / "provisioning" / file, old, new)
    with pytest.raises(AssertionError, match=message):
        check_provisioning(deploy)


@each_panel
def test_no_panel_is_empty_or_wrong_in_the_live_run(live_run, panel):
    check_data(panel, live_run)


@each_panel
def test_a_broken_expression_or_legend_is_detected_in_the_live_run(live_run, panel):
    expression = panel["targets"][0]["expr"]
    for key, text, message in (
        ("expr", f"({expression}) and on () vector(1) > 2", "A is empty"),
        ("expr", f"({expression}) / 0 * 0", "A is not in its range"),
        ("legendFormat", "{{nobody}}", "nobody"),
    ):
        broken = copy.deepcopy(panel)
        broken["targets"][0][key] = text
        with pytest.raises((AssertionError, KeyError), match=message):
            check_data(broken, live_run)


def test_the_selected_version_is_the_one_that_answers_now(live_run):
    query = variables()["version"]["query"]["query"]
    (asked,) = re.findall(r"^query_result\((.+)\)$", filled(query))  # label_values would offer all versions of the whole time
    assert faults(asked) == []
    answers = []
    for one in live_run.query(asked):
        labels = ",".join(f'{name}="{value}"' for name, value in one["metric"].items())
        answers.append(f"{{{labels}}} {one['value'][1]} {one['value'][0]}")  # as Grafana writes a result, for the pattern
    pattern = variables()["version"]["regex"].strip("/")
    assert [re.findall(pattern, answer) for answer in answers] == [[CHAMPION]]


def test_all_namespaces_are_shown_until_one_is_selected_and_where_there_is_none():
    namespace = variables()["namespace"]
    ((metric, label),) = re.findall(r"^label_values\((.+), (\w+)\)$", namespace["query"]["query"])
    assert (faults(metric), label) == ([], "namespace")
    assert (namespace["includeAll"], namespace["current"]["value"], namespace["allValue"]) == (True, ["$__all"], ".*")
    assert re.fullmatch(VARIABLES["$namespace"], "")


@each_panel
def test_a_panel_shows_nothing_of_a_namespace_that_is_not_selected(live_run, panel, monkeypatch):
    monkeypatch.setitem(VARIABLES, "$namespace", "another")
    without_namespace = {"Alerts firing A", "Errors C", "Latency percentiles D"}
    for target in panel["targets"]:
        found = series(target, live_run, 0)
        assert found == [] or f"{panel['title']} {target['refId']}" in without_namespace


def test_the_bars_of_the_score_distribution_add_up_to_one_and_have_the_same_edges(live_run):
    (panel,) = (panel for panel in PANELS.values() if panel["type"] == "barchart")
    answered, baseline = (
        {one["metric"]["le"]: float(one["values"][-1][1]) for one in series(target, live_run, 0)} for target in panel["targets"]
    )
    assert answered.keys() == baseline.keys()
    assert (sum(answered.values()), sum(baseline.values())) == (pytest.approx(1, abs=1e-3), pytest.approx(1))
    assert all("le" in json.dumps(step["options"]) for step in panel["transformations"] if step["id"] != "organize")


def test_the_panels_show_what_the_run_did(live_run):
    def last(title, index=0):
        target = PANELS[title]["targets"][index]
        return {legend(target, one["metric"]): float(one["values"][-1][1]) for one in series(target, live_run, SECONDS)}

    assert sum(last("Workers").values()) == 3
    assert (last("Replicas", 0), last("Replicas", 1)) == ({"up": 2}, {"known": 2})
    assert last("Versions served") == {f"champion {CHAMPION}": 3, f"challenger {CHALLENGER}": 3}
    assert set(last("Workers not on the wanted version").values()) == {0}
    assert set(last("Metric updates dropped").values()) == {0}
    assert last("Score drift")["2"] > 0.2
    assert last("Alerts firing")[""] >= 4
    assert last("Latency percentiles", 0)["50 %"] <= last("Latency percentiles", 2)["99 %"]
    assert {"200", "422"} <= set(last("Scoring requests"))
    assert {"null", "missing"} <= set(last("Orders rejected"))
