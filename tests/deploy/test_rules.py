"""The rules, by promtool's tests of them: the rules pass, and changed rules fail."""

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.deploy.programs import run
from tests.deploy.promql import ALERTS, CONSTANT, EXPRESSIONS, RECORDS, RULES, faults, renamed

pytestmark = pytest.mark.deploy

TESTS = sorted((RULES.parent / "tests").glob("*.yml"))


def failures(paths):
    """The output of promtool for the files of tests that fail."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda path: run("promtool", "test", "rules", str(path), seconds=300), paths))
    return "".join(done.stdout + done.stderr for done in found if done.returncode)


def cases_of(path, names):
    """A file of tests with only the cases of these alerts, and values as written: 0x60 is sixty-one times 0, not 96."""
    file = yaml.load(path.read_text(), yaml.BaseLoader)
    for test in file["tests"]:
        test.pop("promql_expr_test", None)
        test["alert_rule_test"] = [case for case in test.get("alert_rule_test", []) if case["alertname"] in names]
    return file | {"tests": [test for test in file["tests"] if test["alert_rule_test"]]}


def write(path, file, records, alerts):
    """Write a file of tests and, in another file, its rules: first the recorded series, then the alerts."""
    rules = path.with_name(f"rules-{path.name}")
    rules.write_text(yaml.safe_dump({"groups": [{"name": "records", "rules": records}, {"name": "alerts", "rules": alerts}]}))
    path.write_text(yaml.safe_dump({**file, "rule_files": [rules.name], "group_eval_order": ["records", "alerts"]}))
    return path


def thresholds(name):
    """The numbers other than 0 that the alert's expression compares with."""
    return list(dict.fromkeys(re.findall(r"> (?!0(?![.\d]))(\d[\d.]*(?: \* [\d.]+)?)", ALERTS[name]["expr"])))


def needed(expressions):
    """The names of the recording rules that these expressions need, directly or indirectly."""
    direct = {name for text in expressions for name in RECORDS if re.search(rf"(?<![\w:]){name}(?![\w:])", text)}
    return direct | needed(RECORDS[name]["expr"] for name in direct) if direct else set()


def failing(folder, changes):
    """The alerts whose tests fail with these expressions. For speed, a file of tests gets only the rules that it needs."""
    paths = []
    for path in TESTS:
        file = cases_of(path, changes)
        asked = {case["alertname"] for test in file["tests"] for case in test["alert_rule_test"]}
        if asked:
            names = needed(changes[name] for name in asked)
            records = [rule for name, rule in RECORDS.items() if name in names]
            alerts = [{**rule, "expr": changes[name]} for name, rule in ALERTS.items() if name in asked]
            paths.append(write(folder / path.name, file, records, alerts))
    return set(re.findall(r"alertname: ?(\w+)", failures(paths)))


def test_every_rule_passes_its_tests():
    assert failures(TESTS) == ""


def test_a_second_installation_on_the_same_prometheus_has_its_own_alerts(tmp_path):
    paths = []
    for path in TESTS:
        file = cases_of(path, set(ALERTS) - CONSTANT)
        tests = [test for test in file["tests"] if test["input_series"] and "namespace" not in str(test["input_series"])]
        for test in tests:
            series = [(one, name) for one in test["input_series"] for name in ("left", "right")]
            test["input_series"] = [
                one | {"series": one["series"].replace("{", f'{{namespace="{n}", ', 1)} for one, n in series
            ]
            for case in test["alert_rule_test"]:
                alerts = [(one, name) for one in case["exp_alerts"] for name in ("left", "right")]
                case["exp_alerts"] = [one | {"exp_labels": one["exp_labels"] | {"namespace": name}} for one, name in alerts]
        if tests:
            file["tests"] = tests
            paths.append(write(tmp_path / path.name, file, list(RECORDS.values()), list(ALERTS.values())))
    assert len(paths) > 4
    assert failures(paths) == ""


def test_every_alert_has_a_case_that_fires_and_a_silent_one_except_for_the_one_that_always_fires():
    found = defaultdict(set)
    for path in TESTS:
        for test in cases_of(path, ALERTS)["tests"]:
            for case in test["alert_rule_test"]:
                found[case["alertname"]].add(bool(case["exp_alerts"]))
    assert found == {name: {True} if name in CONSTANT else {True, False} for name in ALERTS}


@pytest.mark.parametrize(
    ("instead", "unseen"), [("vector(1) > 2", set()), ("vector(1)", CONSTANT)], ids=["cannot fire", "always fires"]
)
def test_an_alert_that_cannot_fire_or_always_fires_fails_its_tests(tmp_path, instead, unseen):
    assert failing(tmp_path, dict.fromkeys(ALERTS, instead)) == set(ALERTS) - unseen


@pytest.mark.parametrize("factor", [2, 0.5])
@pytest.mark.parametrize(("index", "alerts"), [(0, 22), (1, 15), (2, 2)])
def test_an_alert_with_a_threshold_of_half_or_twice_its_value_fails_its_tests(tmp_path, index, alerts, factor):
    changes = {}
    for name, rule in ALERTS.items():
        for threshold in thresholds(name)[index : index + 1]:
            changes[name] = re.sub(rf"> {re.escape(threshold)}(?![\d.])", f"> {factor} * {threshold}", rule["expr"])
    assert len(changes) == alerts
    assert failing(tmp_path, changes) == set(changes)


@pytest.mark.parametrize("rule", sorted(set(EXPRESSIONS) - CONSTANT))
def test_a_renamed_metric_is_detected_in_every_rule_that_uses_it(rule):
    others = list(renamed(EXPRESSIONS[rule]))
    assert others
    assert all(map(faults, others))


def test_a_misspelt_label_is_detected():
    assert faults('sum(rate(http_request_duration_seconds_count{jobs="delivery-risk"}[5m]))')
    assert faults('delivery_risk:requests_by_status:increase1h{code=~"4.."}')
    assert not faults('delivery_risk:requests_by_status:increase1h{namespace="prod", status=~"4.."}')
