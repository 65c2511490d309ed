"""The dashboard: by Grafana's own types, by what the service exports, and by the data that the live run has for each panel.

No Grafana runs here. What its types leave open, the options of overrides and transformations, is held to what this dashboard
uses of them.
"""

import copy
import json
import math
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from tests.deploy.monitoring import CHAMPION, Watch
from tests.deploy.panels import GRAFANA, VARIABLES, dashboard, expression, filled, legend, panels, series
from tests.deploy.planting import plant
from tests.deploy.promql import faults, renamed
from tests.facts import ROOT

pytestmark = pytest.mark.deploy

SCHEMA = json.loads((ROOT / "tests" / "deploy" / "schemas" / "dashboard.json").read_text())
PANELS = list(panels(dashboard()))
TITLES = [panel.title for panel in PANELS]
OVERRIDES = {"color": {"mode", "fixedColor"}, "custom.lineStyle": {"fill", "dash"}}
TRANSFORMATIONS = {
    "joinByField": {"byField", "mode"},
    "organize": {"excludeByName", "indexByName", "renameByName"},
    "sortBy": {"fields", "sort"},
}
SECONDS = 8


def refused(records: dict) -> bool:
    """Whether the dashboard is none by Grafana's types."""
    return not jsonschema.Draft7Validator(SCHEMA).is_valid(records)


def clashes(records: dict) -> list[str]:
    """What stands in the dashboard twice, or in the place of another panel."""
    found = []
    taken: dict[tuple[int, int], str] = {}
    for model in records["panels"]:
        place = model["gridPos"]
        if place["x"] + place["w"] > 24:
            found.append(f"{model['title']}: beyond the grid")
        for cell in (
            (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
        ):
            if cell in taken and f"{model['title']}: over {taken[cell]}" not in found:
                found.append(f"{model['title']}: over {taken[cell]}")
            taken[cell] = model["title"]
        names = [target["refId"] for target in model.get("targets", [])]
        found += [f"{model['title']}: {name} twice" for name in set(names) if names.count(name) > 1]
    ids = [model["id"] for model in records["panels"]]
    return found + [f"id {number} twice" for number in set(ids) if ids.count(number) > 1]


def empty_or_wrong(panel, watched, at: float) -> list[str]:
    """What is the matter with the data that Prometheus has for the panel."""
    found = []
    for target in panel.targets:
        what = f"{panel.title} {target['refId']}"
        data = series(target, watched, at - SECONDS, at)
        if not data:
            found.append(f"{what}: empty")
        for one in data:
            try:
                legend(target, one["metric"])
            except KeyError as error:
                found.append(f"{what}: no label {error}")
            last = float(one["values"][-1][1])
            if not math.isfinite(last):
                found.append(f"{what}: {last}")
            elif panel.unit == "percentunit" and not 0 <= last <= 1:
                found.append(f"{what}: {last} is no share")
            elif panel.unit in {"reqps", "short", "s"} and last < 0:
                found.append(f"{what}: {last} is below 0")
    return found


def variables() -> dict[str, dict]:
    """The dashboard's variables, by name."""
    return {variable["name"]: variable for variable in dashboard()["templating"]["list"]}


def test_the_dashboard_is_one_by_grafanas_own_types():
    errors = jsonschema.Draft7Validator(SCHEMA).iter_errors(dashboard())
    assert [f"{error.json_path}: {error.message[:300]}" for error in errors] == []


@pytest.mark.parametrize("panel", PANELS, ids=TITLES)
def test_a_panel_with_an_option_that_grafana_does_not_know_is_refused(panel):
    place = panel.model["id"] - 1
    for change in (
        lambda model: model["options"].update(colorMod="value"),
        lambda model: model["gridPos"].update(h="8"),
        lambda model: model["targets"][0].pop("refId"),
        lambda model: model["targets"][0].pop("expr"),
        lambda model: model["fieldConfig"]["defaults"].update(units="s"),
        lambda model: model["options"].clear(),
        lambda model: model.update(type="tabel"),
    ):
        records = copy.deepcopy(dashboard())
        assert records["panels"][place]["title"] == panel.title
        change(records["panels"][place])
        assert refused(records)


def test_overrides_and_transformations_are_of_the_few_kinds_whose_options_are_known_here():
    for panel in PANELS:
        for override in panel.model["fieldConfig"]["overrides"]:
            assert override["matcher"]["id"] == "byRegexp"
            shown = [target["legendFormat"] for target in panel.targets]
            assert any(re.fullmatch(override["matcher"]["options"], name) for name in shown), panel.title
            for change in override["properties"]:
                assert set(change["value"]) <= OVERRIDES[change["id"]], panel.title
        for step in panel.model.get("transformations", []):
            assert set(step["options"]) == TRANSFORMATIONS[step["id"]], panel.title


def test_panels_stand_side_by_side_under_ids_of_their_own():
    assert clashes(dashboard()) == []
    records = dashboard()
    records["panels"][3]["gridPos"]["x"] -= 1
    records["panels"][4]["id"] = records["panels"][5]["id"]
    assert len(clashes(records)) == 2


@pytest.mark.parametrize("panel", PANELS, ids=TITLES)
def test_a_panel_asks_for_what_the_service_exports_and_a_metric_renamed_is_noticed(panel):
    assert panel.model["description"].endswith(".")
    texts = [expression(target) for target in panel.targets]
    for text in texts:
        assert "$" not in text
        assert faults(text) == []
    others = [other for text in texts for other in renamed(text)]
    assert others
    assert all(map(faults, others))


def check_provisioning(grafana: Path) -> None:
    """The data source is the one that the dashboard takes and compose runs, the folder the one that compose mounts."""
    source = yaml.safe_load((grafana / "provisioning" / "datasources" / "prometheus.yml").read_text())
    provider = yaml.safe_load((grafana / "provisioning" / "dashboards" / "delivery-risk.yml").read_text())
    desk = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    (known,) = source["datasources"]
    (folder,) = provider["providers"]
    assert (source["apiVersion"], provider["apiVersion"]) == (1, 1)
    assert set(known) == {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData"}, "an unknown key"
    assert set(folder) == {"name", "type", "disableDeletion", "allowUiUpdates", "updateIntervalSeconds", "options"}
    assert (known["type"], known["access"], folder["type"], set(folder["options"])) == ("prometheus", "proxy", "file", {"path"})
    assert variables()["datasource"]["query"] == known["type"]
    assert variables()["datasource"]["current"] == {"text": known["name"], "value": known["uid"]}, "another data source"
    address = urlsplit(known["url"])
    assert any(str(address.port) == port.split(":")[-1] for port in desk[address.hostname]["ports"]), "nobody is there"
    assert f"./grafana/dashboards:{folder['options']['path']}:ro" in desk["grafana"]["volumes"], "nothing is there"
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in desk["grafana"]["volumes"]
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert known["jsonData"]["timeInterval"] == scrape, "another interval"


def test_the_provisioning_names_the_data_source_and_the_folder_that_the_dashboard_takes():
    check_provisioning(GRAFANA)
    for panel in PANELS:
        assert {target["datasource"]["uid"] for target in panel.targets} == {"${datasource}"}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("datasources/prometheus.yml", "uid: prometheus", "uid: prom", "another data source"),
        ("datasources/prometheus.yml", "prometheus:9090", "prometheus:9091", "nobody is there"),
        ("datasources/prometheus.yml", "timeInterval: 15s", "timeInterval: 60s", "another interval"),
        ("datasources/prometheus.yml", "editable: false", "editabel: false", "an unknown key"),
        ("dashboards/delivery-risk.yml", "path: /var/lib/grafana/dashboards", "path: /dashboards", "nothing is there"),
    ],
)
def test_a_fault_in_the_provisioning_is_seen(tmp_path, file, old, new, said):
    folder = Path(shutil.copytree(GRAFANA, tmp_path / "grafana"))
    plant(folder / "provisioning" / file, old, new)
    with pytest.raises(AssertionError, match=said):
        check_provisioning(folder)


@pytest.mark.parametrize("panel", PANELS, ids=TITLES)
def test_no_panel_is_empty_or_wrong_in_the_live_run(watch: Watch, panel):
    assert empty_or_wrong(panel, watch.watched, watch.at) == []


@pytest.mark.parametrize("panel", PANELS, ids=TITLES)
def test_a_broken_expression_or_legend_is_noticed_in_the_live_run(watch: Watch, panel):
    for change in (
        lambda target: target.update(expr=f"({target['expr']}) and on () vector(1) > 2"),
        lambda target: target.update(expr=f"({target['expr']}) / 0 * 0"),
        lambda target: target.update(legendFormat="{{nobody}}"),
    ):
        broken = copy.deepcopy(panel)
        change(broken.targets[0])
        assert empty_or_wrong(broken, watch.watched, watch.at)


def test_the_version_that_is_shown_is_the_one_that_answers_now_and_not_one_that_did(watch: Watch):
    query = variables()["version"]["query"]["query"]
    (asked,) = re.fullmatch(r"query_result\((.+)\)", query).groups()  # label_values would offer all of the time that is shown
    assert faults(filled(asked)) == []
    answers = []
    for one in watch.watched.query(filled(asked), watch.at):
        labels = ",".join(f'{name}="{value}"' for name, value in one["metric"].items())
        answers.append(f"{{{labels}}} {one['value'][1]} {one['value'][0]}")  # as Grafana writes a result, for the pattern
    pattern = variables()["version"]["regex"].strip("/")
    assert [re.search(pattern, answer)[1] for answer in answers] == [CHAMPION]


def test_all_namespaces_are_shown_until_one_is_chosen_and_where_there_is_none():
    namespace = variables()["namespace"]
    metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", namespace["query"]["query"]).groups()
    assert (faults(metric), label) == ([], "namespace")
    assert (namespace["includeAll"], namespace["current"]["value"], namespace["allValue"]) == (True, ["$__all"], ".*")
    assert re.fullmatch(VARIABLES["$namespace"], "")


@pytest.mark.parametrize("panel", PANELS, ids=TITLES)
def test_a_panel_shows_nothing_of_a_namespace_that_is_not_chosen(watch: Watch, panel, monkeypatch):
    monkeypatch.setitem(VARIABLES, "$namespace", "another")
    for target in panel.targets:
        of_none = {"Alerts firing", "Errors C", "Latency percentiles D"}
        found = series(target, watch.watched, watch.at, watch.at)
        assert found == [] or {panel.title, f"{panel.title} {target['refId']}"} & of_none


def test_the_bars_of_the_score_distribution_are_whole_and_join_by_their_edges(watch: Watch):
    (panel,) = (panel for panel in PANELS if panel.kind == "barchart")
    answered, reference = (
        {one["metric"]["le"]: float(one["values"][-1][1]) for one in series(target, watch.watched, watch.at, watch.at)}
        for target in panel.targets
    )
    assert answered.keys() == reference.keys()
    assert (sum(answered.values()), sum(reference.values())) == (pytest.approx(1, abs=1e-3), pytest.approx(1))
    for step in panel.model["transformations"]:
        assert "le" in json.dumps(step["options"]) or step["id"] == "organize"


def test_the_panels_show_what_the_run_was(watch: Watch):
    def last(title, target=0):
        (panel,) = (panel for panel in PANELS if panel.title == title)
        data = series(panel.targets[target], watch.watched, watch.at - SECONDS, watch.at)
        return {legend(panel.targets[target], one["metric"]): float(one["values"][-1][1]) for one in data}

    assert sum(last("Workers").values()) == 3
    assert (last("Replicas", 0), last("Replicas", 1)) == ({"up": 2}, {"known": 2})
    assert set(last("Versions served")) == {"champion 2", "challenger 3"}
    assert set(last("Workers not on the wanted version").values()) == {0}
    assert set(last("Metric updates dropped").values()) == {0}
    assert last("Score drift")["2"] > 0.2
    assert last("Alerts firing")[""] >= 4
    assert last("Latency percentiles", 0)["50 %"] <= last("Latency percentiles", 2)["99 %"]
    assert {"200", "422"} <= set(last("Scoring requests"))
    assert {"null", "missing"} <= set(last("Orders rejected"))
