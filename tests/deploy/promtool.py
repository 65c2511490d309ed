"""promtool's tests of the rules: what they hold, and how they fare with other rules, or with another installation beside."""

import re
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.monitoring import PROMETHEUS
from tests.deploy.programs import run
from tests.deploy.promql import rules

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
ALERTS = {rule["alert"]: rule for rule in rules("alert")}
RECORDS = {rule["record"]: rule for rule in rules("record")}
EXPRESSIONS = {name: rule["expr"] for name, rule in (ALERTS | RECORDS).items()}
CONSTANT = {"DeliveryRiskWatchdog"}
"""It fires whatever happens, so no case of it is silent."""

_THRESHOLD = r"> (?!0(?![.\d]))(\d[\d.]*(?: \* [\d.]+)?)"


def complaints(paths: Iterable[Path]) -> str:
    """What promtool says against these files of tests: nothing if all is well."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda path: run("promtool", "test", "rules", str(path), seconds=300), paths))
    return "".join(done.stdout + done.stderr for done in found if done.returncode)


def cases() -> dict[str, dict[bool, int]]:
    """How many cases want the alert to fire, and to be silent, by its name."""
    found: dict[str, dict[bool, int]] = defaultdict(lambda: {True: 0, False: 0})
    for path in TESTS:
        for test in _read(path)["tests"]:
            for case in test.get("alert_rule_test", []):
                found[case["alertname"]][bool(case["exp_alerts"])] += 1
    return found


def thresholds(name: str) -> list[str]:
    """The amounts that the alert's expression compares with, but for 0."""
    return list(dict.fromkeys(re.findall(_THRESHOLD, ALERTS[name]["expr"])))


def moved(name: str, threshold: str, factor: float) -> str:
    """The alert's expression with this threshold times the factor."""
    return re.sub(rf"> {re.escape(threshold)}(?![\d.])", f"> {factor} * {threshold}", ALERTS[name]["expr"])


def red(place: Path, changes: dict[str, str]) -> set[str]:
    """The alerts whose tests fail when they have these expressions. To be quick, a file of tests gets the rules it needs."""
    paths = []
    for path in TESTS:
        file = _read(path)
        asked = {case["alertname"] for test in file["tests"] for case in test.get("alert_rule_test", [])} & set(changes)
        if asked:
            changed = [{**rule, "expr": changes[name]} for name, rule in ALERTS.items() if name in asked]
            needed = _needed(changes[name] for name in asked)
            _only(file, asked)
            paths.append(_written(place / path.name, file, [RECORDS[name] for name in RECORDS if name in needed], changed))
    return set(re.findall(r"alertname: ?(\w+)", complaints(paths)))


def doubled(place: Path) -> list[Path]:
    """The tests with every series in two namespaces, and every alert wanted in both."""
    files = {path: _read(path) for path in TESTS}
    for file in files.values():
        _only(file, set(ALERTS) - CONSTANT)
        file["tests"] = [
            test for test in file["tests"] if test["input_series"] and "namespace" not in str(test["input_series"])
        ]
        for test in file["tests"]:
            test["input_series"] = [
                {**one, "series": one["series"].replace("{", f'{{namespace="{name}", ', 1)}
                for one in test["input_series"]
                for name in ("left", "right")
            ]
            for case in test["alert_rule_test"]:
                case["exp_alerts"] = [
                    {**alert, "exp_labels": {**alert["exp_labels"], "namespace": name}}
                    for alert in case["exp_alerts"]
                    for name in ("left", "right")
                ]
    every = list(RECORDS.values()), list(ALERTS.values())
    return [_written(place / path.name, file, *every) for path, file in files.items() if file["tests"]]


def _read(path: Path) -> dict[str, Any]:
    """A file of tests, all values as they are written: 0x60 is sixty-one times 0, not 96."""
    return yaml.load(path.read_text(), yaml.BaseLoader)


def _needed(expressions: Iterable[str]) -> set[str]:
    """What is recorded for these expressions, and for that in its turn."""
    direct = {name for text in expressions for name in RECORDS if re.search(rf"(?<![\w:]){name}(?![\w:])", text)}
    return direct | _needed(RECORDS[name]["expr"] for name in direct) if direct else set()


def _only(file: dict[str, Any], names: set[str]) -> None:
    for test in file["tests"]:
        test.pop("promql_expr_test", None)
        test["alert_rule_test"] = [case for case in test.get("alert_rule_test", []) if case["alertname"] in names]
    file["tests"] = [test for test in file["tests"] if test["alert_rule_test"]]


def _written(path: Path, tests: dict[str, Any], records: list[dict[str, Any]], alerts: list[dict[str, Any]]) -> Path:
    """A file of tests, on rules in a file beside it: first what is recorded, then the alerts."""
    groups = {"records": records, "alerts": alerts}
    beside = path.with_name(f"rules-{path.name}")
    beside.write_text(yaml.safe_dump({"groups": [{"name": name, "rules": found} for name, found in groups.items()]}))
    path.write_text(yaml.safe_dump({**tests, "rule_files": [beside.name], "group_eval_order": list(groups)}))
    return path
