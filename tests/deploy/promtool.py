"""promtool's tests of the rules: their cases, and their results with changed rules or two installations."""

import re
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.monitoring import PROMETHEUS
from tests.deploy.programs import run
from tests.deploy.promql import ALERTS, CONSTANT, RECORDS

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
_THRESHOLD = r"> (?!0(?![.\d]))(\d[\d.]*(?: \* [\d.]+)?)"


def failures(paths: Iterable[Path]) -> str:
    """The output of promtool for the files of tests that fail."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda path: run("promtool", "test", "rules", str(path), seconds=300), paths))
    return "".join(done.stdout + done.stderr for done in found if done.returncode)


def cases() -> dict[str, set[bool]]:
    """Whether there are cases in which an alert fires, and in which it is silent, by its name."""
    found: dict[str, set[bool]] = defaultdict(set)
    for path in TESTS:
        for test in _read(path)["tests"]:
            for case in test.get("alert_rule_test", []):
                found[case["alertname"]].add(bool(case["exp_alerts"]))
    return found


def thresholds(name: str) -> list[str]:
    """The numbers other than 0 that the alert's expression compares with."""
    return list(dict.fromkeys(re.findall(_THRESHOLD, ALERTS[name]["expr"])))


def scaled(name: str, threshold: str, factor: float) -> str:
    """The alert's expression with this threshold multiplied by the factor."""
    return re.sub(rf"> {re.escape(threshold)}(?![\d.])", f"> {factor} * {threshold}", ALERTS[name]["expr"])


def failing(folder: Path, changes: dict[str, str]) -> set[str]:
    """The alerts whose tests fail with these expressions. For speed, a file of tests gets only the rules that it needs."""
    paths = []
    for path in TESTS:
        file = _read(path)
        asked = {case["alertname"] for test in file["tests"] for case in test.get("alert_rule_test", [])} & set(changes)
        if asked:
            changed = [{**rule, "expr": changes[name]} for name, rule in ALERTS.items() if name in asked]
            needed = _needed(changes[name] for name in asked)
            _keep(file, asked)
            paths.append(_write(folder / path.name, file, [RECORDS[name] for name in RECORDS if name in needed], changed))
    return set(re.findall(r"alertname: ?(\w+)", failures(paths)))


def doubled(folder: Path) -> list[Path]:
    """The tests with every series in two namespaces, where every alert must fire in both."""
    paths = []
    for path in TESTS:
        file = _read(path)
        _keep(file, set(ALERTS) - CONSTANT)
        file["tests"] = [
            test for test in file["tests"] if test["input_series"] and "namespace" not in str(test["input_series"])
        ]
        for test in file["tests"]:
            test["input_series"] = [
                {**series, "series": series["series"].replace("{", f'{{namespace="{name}", ', 1)}
                for series in test["input_series"]
                for name in ("left", "right")
            ]
            for case in test["alert_rule_test"]:
                case["exp_alerts"] = [
                    {**alert, "exp_labels": {**alert["exp_labels"], "namespace": name}}
                    for alert in case["exp_alerts"]
                    for name in ("left", "right")
                ]
        if file["tests"]:
            paths.append(_write(folder / path.name, file, list(RECORDS.values()), list(ALERTS.values())))
    return paths


def _read(path: Path) -> dict[str, Any]:
    """A file of tests, with values as they are written: 0x60 is sixty-one times 0, not 96."""
    return yaml.load(path.read_text(), yaml.BaseLoader)


def _needed(expressions: Iterable[str]) -> set[str]:
    """The names of the recording rules that these expressions need, directly or indirectly."""
    direct = {name for text in expressions for name in RECORDS if re.search(rf"(?<![\w:]){name}(?![\w:])", text)}
    return direct | _needed(RECORDS[name]["expr"] for name in direct) if direct else set()


def _keep(file: dict[str, Any], names: set[str]) -> None:
    """Keep only the cases of these alerts."""
    for test in file["tests"]:
        test.pop("promql_expr_test", None)
        test["alert_rule_test"] = [case for case in test.get("alert_rule_test", []) if case["alertname"] in names]
    file["tests"] = [test for test in file["tests"] if test["alert_rule_test"]]


def _write(path: Path, tests: dict[str, Any], records: list[dict[str, Any]], alerts: list[dict[str, Any]]) -> Path:
    """Write a file of tests and, in another file, its rules: first the recorded series, then the alerts."""
    groups = [{"name": "records", "rules": records}, {"name": "alerts", "rules": alerts}]
    rules = path.with_name(f"rules-{path.name}")
    rules.write_text(yaml.safe_dump({"groups": groups}))
    path.write_text(yaml.safe_dump({**tests, "rule_files": [rules.name], "group_eval_order": ["records", "alerts"]}))
    return path
