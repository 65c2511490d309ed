"""The files of deploy/prometheus and deploy/alertmanager, by promtool and amtool, and in a live run of all the programs."""

import math
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from schemas.decision import QUEUES
from service.metrics import METRICS
from tests.deploy.crowd import FEATURES
from tests.deploy.monitoring import ALERTMANAGER, CHALLENGER, CHAMPION, PROMETHEUS, Watch
from tests.deploy.programs import run
from tests.deploy.promql import exported, faults, matched, recorded, rules
from tests.servers import ROOT
from tests.service.apps import app_of

pytestmark = pytest.mark.deploy

RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text()
ALERTS = {rule["alert"]: rule for rule in rules("alert")}
EXPRESSIONS = {rule.get("alert", rule.get("record")): rule["expr"] for rule in rules("alert") + rules("record")}
SECTION = re.compile(
    r"\n\n\*\*Means\.\*\* .{40}.*?\n\n\*\*Look first\.\*\*\n\n```promql\n(.+?)\n```\n\n\*\*Do\.\*\* .{40}", re.DOTALL
)
AMOUNT = r"> (?!0(?![.\d]))(?=\d)"
OF_AN_AMOUNT = [name for name, rule in ALERTS.items() if re.search(AMOUNT, rule["expr"])]


def sections(text: str) -> dict[str, str]:
    """The runbook's sections by their anchor."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return {title.lower().replace(" ", "-"): body for title, body in zip(parts[::2], parts[1::2], strict=True)}


def unexplained(text: str) -> set[str]:
    """The alerts whose anchor leads to no section of the runbook that says what they mean, where to look and what to do."""
    found = sections(text)
    return {
        name
        for name, rule in ALERTS.items()
        if rule["annotations"]["runbook"] != f"deploy/RUNBOOK.md#{name.lower()}"
        or not SECTION.match(found.get(name.lower(), ""))
    }


def cases() -> dict[str, dict[bool, int]]:
    """How many cases of promtool's tests want the alert to fire, and to be silent, by its name."""
    found: dict[str, dict[bool, int]] = defaultdict(lambda: {True: 0, False: 0})
    for path in (PROMETHEUS / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                found[case["alertname"]][bool(case["exp_alerts"])] += 1
    return found


def told(name: str, *arguments: str | Path) -> tuple[int, str]:
    """The program's exit code, and all that it printed."""
    done = run(name, *map(str, arguments), seconds=120)
    return done.returncode, done.stdout + done.stderr


def red(place: Path, changes: dict[str, str]) -> set[str]:
    """The alerts whose tests fail when these of them have other expressions."""
    shutil.copytree(PROMETHEUS, place / "prometheus")
    path = place / "prometheus" / "rules" / "alerts.yml"
    file = yaml.safe_load(path.read_text())
    for group in file["groups"]:
        for rule in group["rules"]:
            rule["expr"] = changes.get(rule["alert"], rule["expr"])
    path.write_text(yaml.safe_dump(file))
    _, said = told("promtool", "test", "rules", *sorted((place / "prometheus" / "tests").glob("*.yml")))
    assert "FAILED" in said or not changes, said
    return set(re.findall(r"alertname: ?(\w+)", said))


def test_promtool_accepts_the_configuration_and_the_rules():
    code, said = told("promtool", "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / "prometheus.yml")
    assert code == 0, said


def test_promtool_refuses_a_rule_with_a_typing_error(tmp_path):
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    path = tmp_path / "prometheus" / "rules" / "alerts.yml"
    path.write_text(path.read_text().replace("sum by (instance) (rate(", "sum by (instance) (rat(", 1))
    assert told("promtool", "check", "config", tmp_path / "prometheus" / "prometheus.yml")[0] != 0


def test_every_rule_does_in_promtools_tests_what_they_say():
    code, said = told("promtool", "test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))
    assert code == 0, said


def test_every_alert_has_a_case_that_fires_and_one_that_is_silent():
    assert set(cases()) == set(ALERTS)
    assert [name for name, found in cases().items() if not all(found.values())] == []


@pytest.mark.parametrize("instead", ["vector(1) > 2", "vector(1)"], ids=["cannot fire", "always fires"])
def test_no_alert_that_cannot_fire_or_always_fires_passes_its_tests(tmp_path, instead):
    assert red(tmp_path, dict.fromkeys(ALERTS, instead)) == set(ALERTS)


@pytest.mark.parametrize("factor", [2, 0.5])
def test_no_alert_at_half_or_twice_its_threshold_passes_its_tests(tmp_path, factor):
    moved = {name: re.sub(AMOUNT, f"> {factor} * ", ALERTS[name]["expr"]) for name in OF_AN_AMOUNT}
    assert len(OF_AN_AMOUNT) == 13
    assert red(tmp_path, moved) == set(OF_AN_AMOUNT)


def test_every_alert_says_in_plain_words_how_urgent_it_is_and_what_has_happened():
    for name, rule in ALERTS.items():
        assert name.startswith("DeliveryRisk")
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"}), name
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}, name
        assert all(rule["annotations"][told].endswith(".") for told in ("summary", "description")), name


def test_every_alert_leads_to_a_section_of_the_runbook_and_none_stands_there_in_vain():
    assert unexplained(RUNBOOK) == set()
    assert set(sections(RUNBOOK)) == {name.lower() for name in ALERTS}


@pytest.mark.parametrize("name", ALERTS)
def test_a_section_that_is_missing_or_says_nothing_is_noticed(name):
    body = sections(RUNBOOK)[name.lower()]
    assert unexplained(RUNBOOK.replace(f"## {name}\n", "")) >= {name}
    assert unexplained(RUNBOOK.replace(body, "\nSee above.\n", 1)) == {name}


def test_rules_and_runbook_ask_only_for_what_the_service_exports_and_the_rules_record():
    wrong = {name: faults(expression) for name, expression in EXPRESSIONS.items()}
    wrong |= {anchor: faults(SECTION.match(body)[1]) for anchor, body in sections(RUNBOOK).items()}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("rule", EXPRESSIONS)
def test_a_metric_that_is_renamed_is_noticed_in_every_rule_that_asks_for_it(rule):
    asked = {name for name in exported() | recorded() if re.search(rf"(?<![\w:]){name}(?![\w:])", EXPRESSIONS[rule])}
    assert asked
    for name in asked:
        assert faults(re.sub(rf"(?<![\w:]){name}(?![\w:])", f"{name}s", EXPRESSIONS[rule]))


def test_a_misspelt_label_is_noticed():
    assert faults('sum(rate(http_request_duration_seconds_count{jobs="delivery-risk"}[5m]))')
    assert faults('delivery_risk:requests_by_status:increase15m{code=~"4.."}')
    assert not faults('delivery_risk:requests_by_status:increase15m{status=~"4.."}')


def test_routes_queues_and_roles_in_rules_are_the_services_own():
    paths = {rule.rule for rule in app_of().url_map.iter_rules()}
    (job,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    for name, expression in EXPRESSIONS.items():
        for value, pattern in matched(expression, "route"):
            assert any(re.fullmatch(value, path) for path in paths) if pattern else value in paths, name
        assert {value for value, _ in matched(expression, "queue")} <= set(QUEUES), name
        assert {value for value, _ in matched(expression, "role")} <= {"champion", "challenger"}, name
        assert {value for value, _ in matched(expression, "job")} <= {job["job_name"]}, name
        edges = {value for value, _ in matched(expression, "le")} - {"+Inf"}
        assert {float(edge) for edge in edges} <= set(METRICS["http_request_duration_seconds"].buckets), name


@pytest.mark.parametrize(("severity", "receiver"), [("page", "pages"), ("ticket", "tickets")])
def test_pages_wake_somebody_and_tickets_do_not(severity, receiver):
    code, said = told("amtool", "check-config", ALERTMANAGER)
    assert code == 0, said
    code, said = told("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"severity={severity}")
    assert (code, said.splitlines()[-1]) == (0, receiver)


def test_inhibitions_name_alerts_that_there_are():
    wanted = re.findall(r'alertname="(\w+)"', ALERTMANAGER.read_text())
    assert len(wanted) == 4
    assert set(wanted) <= set(ALERTS)


def test_every_rule_evaluates_in_the_live_run_and_every_recording_rule_gives_a_number(watch: Watch):
    found = watch.watched.rules()
    assert {rule["name"] for rule in found} == set(EXPRESSIONS)
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []
    values = {name: [float(s["value"][1]) for s in watch.watched.query(name, watch.at)] for name in recorded()}
    assert [name for name, numbers in values.items() if not numbers or not all(map(math.isfinite, numbers))] == []


def test_in_calm_no_alert_fires(watch: Watch):
    assert watch.in_calm == set()


def test_a_shifted_stream_of_orders_raises_the_drift_alerts_and_they_reach_the_receiver(watch: Watch):
    drift = {"DeliveryRiskScoresDrift", "DeliveryRiskFeatureDrifts", "DeliveryRiskReviewShareAway"}
    assert set(watch.told) >= drift | {"DeliveryRiskRequestsRefused"}
    assert {receiver for name, receiver in watch.told.items() if ALERTS[name]["labels"]["severity"] == "ticket"} == {"tickets"}
    assert {rule["annotations"]["runbook"] for rule in ALERTS.values()} >= {
        alert["annotations"]["runbook"] for _, message in watch.watched.messages for alert in message["alerts"]
    }


def test_every_order_that_was_answered_is_counted_over_all_replicas(watch: Watch):
    assert sum(float(s["value"][1]) for s in watch.watched.query("delivery_risk_orders_total")) == watch.answered > 20_000


@pytest.mark.parametrize(
    ("index", "share", "reference", "series", "bins"),
    [
        ("score_drift", "score_bin", "reference_score", 1, 21),
        ("feature_drift", "zscore_bin", "reference_zscore", len(FEATURES), 16),
    ],
)
def test_the_stability_index_of_the_live_run_is_that_of_the_textbook(watch: Watch, index, share, reference, series, bins):
    def shares(name):
        found = defaultdict(dict)
        for one in watch.watched.query(f"delivery_risk:{name}", watch.at):
            labels = one["metric"]
            found[labels["model_version"], labels.get("feature")][labels["above"], labels["le"]] = float(one["value"][1])
        return found

    answered, expected = shares(f"{share}:ratio6h"), shares(f"{reference}:ratio")
    indices = watch.watched.query(f"delivery_risk:{index}:psi6h", watch.at)
    assert len(indices) == len(answered) == len(expected) == series
    for one in indices:
        key = one["metric"]["model_version"], one["metric"].get("feature")
        assert answered[key].keys() == expected[key].keys()
        assert len(answered[key]) == bins
        assert sum(answered[key].values()) == pytest.approx(1, abs=1e-3)
        assert sum(expected[key].values()) == pytest.approx(1)
        pairs = [(max(answered[key][edges], 0.0005), max(expected[key][edges], 0.0005)) for edges in expected[key]]
        # The shares may be those of the evaluation a second before.
        assert float(one["value"][1]) == pytest.approx(sum((a - r) * math.log(a / r) for a, r in pairs), rel=0.1)


def test_what_the_runbook_looks_at_first_is_answered(watch: Watch):
    for anchor, body in sections(RUNBOOK).items():
        assert isinstance(watch.watched.query(SECTION.match(body)[1]), list), anchor


def test_versions_and_workers_are_those_that_run(watch: Watch):
    workers = watch.watched.query("sum by (role, version) (delivery_risk_model_info)", watch.at)
    assert {(s["metric"]["role"], s["metric"]["version"]): s["value"][1] for s in workers} == {
        ("champion", CHAMPION): "3",
        ("challenger", CHALLENGER): "3",
    }
