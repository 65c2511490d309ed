"""The files of deploy/prometheus and deploy/alertmanager, and the runbook, checked by promtool, amtool and the service."""

import re

import pytest
import yaml

from schemas.result import QUEUES
from service.metrics.definitions import METRICS
from service.web.routes import ROUTES
from tests.deploy.manifests import validate_operator
from tests.deploy.monitoring import ALERTMANAGER, PROMETHEUS
from tests.deploy.panels import panels
from tests.deploy.programs import output, replace_text, run
from tests.deploy.promql import ALERTS, EXPRESSIONS, RUNBOOK, faults, matched, queries, sections
from tests.facts import ROOT

pytestmark = pytest.mark.deploy

ANCHOR = "deploy/RUNBOOK.md#"
TEXTS = [*EXPRESSIONS.items(), *queries().items()]


def unexplained(text=RUNBOOK):
    """The alerts whose link does not lead to a complete section."""
    links = {f"{ANCHOR}{title.lower()}": title for title in queries(text)}
    return {name for name, rule in ALERTS.items() if links.get(rule["annotations"]["runbook_url"]) != name}


def alerts_of(file, folder=PROMETHEUS / "rules"):
    """The alerts of a file of rules, by name."""
    return {rule["alert"]: rule for group in yaml.safe_load((folder / file).read_text())["groups"] for rule in group["rules"]}


def test_promtool_accepts_the_configuration_and_the_rules():
    output("promtool", "check", "config", "--lint=all", "--lint-fatal", str(PROMETHEUS / "prometheus.yml"))


def test_promtool_rejects_a_rule_with_a_misspelt_function(deploy):
    replace_text(deploy / "prometheus" / "rules" / "alerts.yml", "(rate(", "(rat(")
    assert run("promtool", "check", "config", str(deploy / "prometheus" / "prometheus.yml")).returncode != 0


def test_every_alert_has_a_severity_and_texts_in_sentences():
    for name, rule in ALERTS.items():
        assert name.startswith("DeliveryRisk")
        assert rule["labels"].keys() == {"severity"}, name
        assert rule["labels"]["severity"] in {"page", "ticket", "watchdog"}, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name
        assert all(rule["annotations"][text].endswith(".") for text in ("summary", "description")), name
    assert [name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "watchdog"] == ["DeliveryRiskWatchdog"]


def test_every_alert_links_to_its_section_of_the_runbook_and_every_section_has_an_alert():
    assert unexplained() == set()
    assert set(queries()) == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_missing_or_empty_section_of_the_runbook_is_detected(name):
    body = sections()[name]
    assert unexplained(RUNBOOK.replace(f"## {name}\n", "")) >= {name}
    assert unexplained(RUNBOOK.replace(body, "\nSee above.\n", 1)) == {name}


def test_the_runbook_quotes_messages_that_the_service_writes():
    quoted = re.findall(r"(?:log\s+line|body\s+says\s+why\.)\s+`([^`]+)`", RUNBOOK)
    assert len(quoted) >= 5
    source = "".join(path.read_text() for path in (ROOT / "service").rglob("*.py"))
    assert [text for text in quoted if f'"{" ".join(text.split())}' not in source] == []


def test_the_command_at_the_top_of_the_alerts_makes_their_links_web_addresses(deploy):
    folder = deploy / "prometheus" / "rules"
    (command,) = re.findall(r"^#   (sed .+)$", (folder / "alerts.yml").read_text(), re.MULTILINE)
    output("bash", "-c", command, cwd=folder)
    rules = alerts_of("alerts.yml", folder) | alerts_of("alerts-more.yml", folder)
    assert rules.keys() == ALERTS.keys()
    assert all(re.fullmatch(rf"https://\S+/{ANCHOR}\w+", rule["annotations"]["runbook_url"]) for rule in rules.values())


def test_the_set_for_one_desk_is_small_and_complete_without_the_other_alerts():
    desk = alerts_of("alerts.yml")
    assert len(desk) <= 8
    assert {rule["labels"]["severity"] for rule in desk.values()} == {"page", "ticket", "watchdog"}
    made = operator_rules(PROMETHEUS, "recording.yml", "alerts.yml")
    validate_operator(made)
    assert {rule["alert"] for group in made["spec"]["groups"] for rule in group["rules"] if "alert" in rule} == desk.keys()


def test_rules_and_runbook_use_only_exported_metrics_and_recorded_series():
    assert [(name, found) for name, text in TEXTS if (found := faults(text))] == []


def test_label_values_in_rules_and_runbook_are_those_of_the_service():
    scrapes = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    known = {
        "queue": set(QUEUES),
        "role": {"champion", "challenger"},
        "outcome": {"scored", "dropped", "failed"},
        "stage": {"compute", "read"},
        "job": {scrape["job_name"] for scrape in scrapes},
    }
    for name, text in TEXTS:
        assert [label for label, values in known.items() if not matched(text, label) <= values] == [], name
        edges = map(float, matched(text, "le") - {"+Inf"})
        assert set(edges) <= set(METRICS["http_request_duration_seconds"].buckets), name


def test_routes_in_rules_runbook_and_panels_are_those_of_the_service_and_patterns_select_all_that_score():
    panels_too = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    paths = {route.path for route in ROUTES} | {"unmatched", "unreadable"}
    scoring = {route.path for route in ROUTES if route.scoring}
    for name, text in [*TEXTS, *panels_too]:
        assert {*re.findall(r'route="([^"]+)"', text)} <= paths - scoring, name
        for pattern in re.findall(r'route=~"([^"]+)"', text):
            assert {path for path in paths if re.fullmatch(pattern, path)} - {"unreadable"} == scoring, name


def operator_rules(folder, *files):
    return yaml.safe_load(output("sh", str(folder / "operator.sh"), *files))


def test_the_prometheus_operator_accepts_the_rules_unchanged():
    made = operator_rules(PROMETHEUS)
    validate_operator(made)
    files = [yaml.safe_load(file.read_text()) for file in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    assert made["spec"]["groups"] == [group for file in files for group in file["groups"]]


def test_a_rule_that_the_operator_does_not_accept_is_detected(deploy):
    replace_text(deploy / "prometheus" / "rules" / "alerts.yml", "severity: page", "severity: 1")
    with pytest.raises(AssertionError, match="1 is not"):
        validate_operator(operator_rules(deploy / "prometheus"))


def test_amtool_accepts_the_configuration():
    output("amtool", "check-config", str(ALERTMANAGER))


@pytest.mark.parametrize(("severity", "receiver"), [("page", "pages"), ("ticket", "tickets"), ("watchdog", "watchdog")])
def test_each_severity_has_its_own_receiver(severity, receiver):
    found = output("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"severity={severity}")
    assert found.split() == [receiver]


def test_inhibitions_name_existing_alerts_and_apply_within_an_installation():
    file = yaml.safe_load(ALERTMANAGER.read_text())
    patterns = re.findall(r'alertname=~?"([^"]+)"', ALERTMANAGER.read_text())
    assert len(patterns) == 2 * len(file["inhibit_rules"]) == 6
    assert {name for pattern in patterns for name in pattern.split("|")} <= set(ALERTS)
    assert all(rule["equal"] == ["namespace"] for rule in file["inhibit_rules"])
    assert file["route"]["group_by"] == ["alertname", "namespace"]
