"""The records that the page on bulk shows."""

import json

from tests.facts import ROOT
from tests.pages import blocks

PAGE = (ROOT / "docs" / "operations" / "bulk.md").read_text()
MONDAY = """order_id,route_disruption,backlog,weather_severity,customer
A-104,2,3,1,Ames
B-208,8,7,9,Brandt
C-311,5,x,4,Cole
"""
TUESDAY = {"order_id": "D-412", "route_disruption": 1, "backlog": 2, "weather_severity": 0}


def test_the_records_are_those_of_a_run(run, tmp_path):
    (tmp_path / "orders" / "far").mkdir(parents=True)
    (tmp_path / "orders" / "monday.csv").write_text(MONDAY)
    (tmp_path / "orders" / "far" / "tuesday.jsonl").write_text(json.dumps(TUESDAY) + "\n")
    done = run("bulk", tmp_path / "orders", tmp_path / "scored")
    assert done.exit_code == 0, done.stderr
    written = [(tmp_path / "scored" / name).read_text() for name in ("_parts/monday.csv.json", "_SUCCESS.json")]
    assert blocks("json", PAGE) == written


def test_all_names_in_the_folder_of_results_are_on_the_page(run, tmp_path):
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "monday.csv").write_text(MONDAY)
    run("bulk", tmp_path / "orders", tmp_path / "scored")
    names = {file.relative_to(tmp_path / "scored").as_posix() for file in (tmp_path / "scored").rglob("*") if file.is_file()}
    assert all(f"| `{name}` |" in PAGE for name in names)
