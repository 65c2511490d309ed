"""The files of deploy/prometheus and deploy/alertmanager, and the runbook: by promtool, amtool and what the service has."""

import re
import shutil
import subprocess

import pytest
import yaml

from schemas.result import QUEUES
from service.metrics.recorder import METRICS
from tests.apps import app_of
from tests.deploy.monitoring import ALERTMANAGER, PROMETHEUS
from tests.deploy.planting import plant
from tests.deploy.programs import run
from tests.deploy.promql import faults, matched
from tests.deploy.promtool import ALERTS, EXPRESSIONS
from tests.deploy.runbook import RUNBOOK, queries, sections, unexplained

pytestmark = pytest.mark.deploy

ANCHOR = "deploy/RUNBOOK.md#"


def test_promtool_accepts_the_configuration_and_the_rules():
    done = run("promtool", "check", "config", "--lint=all", "--lint-fatal", str(PROMETHEUS / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_refuses_a_rule_with_a_typing_error(tmp_path):
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    plant(tmp_path / "prometheus" / "rules" / "alerts.yml", "(rate(", "(rat(")
    assert run("promtool", "check", "config", str(tmp_path / "prometheus" / "prometheus.yml")).returncode != 0


def test_every_alert_says_in_plain_words_how_urgent_it_is_and_what_has_happened():
    for name, rule in ALERTS.items():
        assert name.startswith("DeliveryRisk")
        assert rule["labels"].keys() == {"severity"}, name
        assert rule["labels"]["severity"] in {"page", "ticket", "watchdog"}, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name
        assert all(rule["annotations"][told].endswith(".") for told in ("summary", "description")), name
    assert [name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "watchdog"] == ["DeliveryRiskWatchdog"]


def test_every_alert_leads_to_a_section_of_the_runbook_and_none_stands_there_in_vain():
    assert unexplained() == set()
    assert set(queries()) == set(ALERTS)
    assert {name: rule["annotations"]["runbook_url"] for name, rule in ALERTS.items()} == {
        name: f"{ANCHOR}{name.lower()}" for name in ALERTS
    }


@pytest.mark.parametrize("name", ALERTS)
def test_a_section_that_is_missing_or_says_nothing_is_noticed(name):
    body = sections()[name]
    assert unexplained(RUNBOOK.replace(f"## {name}\n", "")) >= {name}
    assert unexplained(RUNBOOK.replace(body, "\nSee above.\n", 1)) == {name}


def test_the_head_of_the_alerts_tells_how_to_have_their_links_lead_to_a_web_address(tmp_path):
    path = tmp_path / "alerts.yml"
    shutil.copy(PROMETHEUS / "rules" / "alerts.yml", path)
    (command,) = re.findall(r"^#   (sed .+)$", path.read_text(), re.MULTILINE)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    links = [
        rule["annotations"]["runbook_url"] for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
    ]
    assert len(links) == len(ALERTS)
    assert all(re.fullmatch(rf"https://\S+/{ANCHOR}\w+", link) for link in links)


def test_rules_and_runbook_ask_only_for_what_is_exported_and_what_the_rules_record():
    asked = (*EXPRESSIONS.items(), *queries().items())
    assert [(name, found) for name, text in asked if (found := faults(text))] == []


def test_routes_queues_roles_and_outcomes_in_rules_are_the_services_own():
    routes = {rule.rule for rule in app_of().url_map.iter_rules()} | {"unmatched", "unreadable"}
    jobs = {job["job_name"] for job in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]}
    for name, text in (*EXPRESSIONS.items(), *queries().items()):
        assert {route for value in matched(text, "route") for route in value.split("|")} <= routes, name
        assert set(matched(text, "queue")) <= set(QUEUES), name
        assert set(matched(text, "role")) <= {"champion", "challenger"}, name
        assert set(matched(text, "outcome")) <= {"scored", "dropped", "failed"}, name
        assert set(matched(text, "stage")) <= {"compute", "read"}, name
        assert set(matched(text, "job")) <= jobs, name
        edges = set(matched(text, "le")) - {"+Inf"}
        assert {float(edge) for edge in edges} <= set(METRICS["http_request_duration_seconds"].buckets), name


def test_amtool_accepts_the_configuration():
    done = run("amtool", "check-config", str(ALERTMANAGER))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("severity", "receiver"), [("page", "pages"), ("ticket", "tickets"), ("watchdog", "watchdog")])
def test_pages_wake_somebody_tickets_do_not_and_the_watchdog_has_a_receiver_of_its_own(severity, receiver):
    done = run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"severity={severity}")
    assert (done.returncode, done.stdout.split()) == (0, [receiver]), done.stderr


def test_inhibitions_name_alerts_that_there_are_and_end_at_the_installation():
    file = yaml.safe_load(ALERTMANAGER.read_text())
    patterns = re.findall(r'alertname=~?"([^"]+)"', ALERTMANAGER.read_text())
    assert len(patterns) == 2 * len(file["inhibit_rules"]) == 6
    assert {name for pattern in patterns for name in pattern.split("|")} <= set(ALERTS)
    assert all(rule["equal"] == ["namespace"] for rule in file["inhibit_rules"])
    assert file["route"]["group_by"] == ["alertname", "namespace"]
