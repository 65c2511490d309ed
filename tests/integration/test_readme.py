"""The README's promises, carried out."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from service import config
from service.metrics.collector import GAUGES
from service.metrics.recorder import METRICS
from tests.facts import ROOT
from tests.servers import curl, running

README = (ROOT / "README.md").read_text()


def blocks(language, section):
    part = README.split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)


def table(section):
    part = README.split(f"## {section}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_curl_line_gets_the_answer_that_stands_below_it():
    (line, _), (answer,) = blocks("sh", "Try it"), blocks("json", "Try it")
    with running() as server:
        assert curl(line.replace(":8000", f":{server.port}")) == json.loads(answer)


def test_the_settings_are_those_that_the_service_knows():
    said = {name: (default, meaning) for name, (default, meaning) in table("Settings").items()}
    known = {}
    for name, field in config.SETTINGS.items():
        default = "" if name == "model" or field.load_default is None else str(field.load_default)
        known[config.variable(name)] = (default, field.metadata["description"])
    assert said == known


def test_the_metrics_are_those_that_the_service_exports():
    known = {name: [", ".join(shown.labels), shown.help] for name, shown in (METRICS | GAUGES).items()}
    assert table("Metrics") == known


def test_every_file_that_the_readme_links_to_is_there():
    assert all((ROOT / place).is_file() for place in re.findall(r"\]\(([^)]+)\)", README))


@pytest.mark.long
def test_the_first_command_serves_from_a_fresh_clone(tmp_path):
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    (command, _) = blocks("sh", "Two commands")
    with running(
        ["bash", "-c", f"cd {tmp_path}/clone && {command.replace('.venv/bin/delivery-risk', 'exec .venv/bin/delivery-risk')}"],
        seconds=300,
    ) as server:
        (answer,) = server.score([{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}])["results"]
    assert (answer["score"], answer["queue"]) == (0.425557483188341, "monitor")
    assert Path(tmp_path / "clone" / ".venv").is_dir()
