"""The tables in docs/ against the tables of the code."""

import pytest

from docs import generate
from service import config
from service.metrics.definitions import METRICS
from service.metrics.gauges import GAUGES
from tests.facts import ROOT
from tests.pages import rows

MADE = {page.relative_to(ROOT).as_posix(): (page, text) for page, text in generate.pages().items()}


@pytest.mark.parametrize("name", MADE)
def test_the_generated_parts_of_a_page_are_up_to_date(name):
    page, text = MADE[name]
    assert page.read_text() == text, f"{name} is stale: run `python -m docs.generate`"


def test_every_generated_part_is_on_a_page():
    everything = "".join(text for _, text in MADE.values())
    assert all(everything.count(f"<!-- generated: {part} -->\n") == 1 for part in generate.PARTS)


def test_a_stale_part_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    (tmp_path / "page.md").write_text("before\n<!-- generated: codes -->\n% stale\n<!-- end -->\nafter\n")
    (text,) = generate.pages().values()
    assert text.startswith("before\n<!-- generated: codes -->\n\n| code |")
    assert "% stale" not in text
    assert text.endswith("|\n\n<!-- end -->\nafter\n")


def test_the_settings_are_those_that_the_service_knows():
    known = {}
    for name, field in config.SETTINGS.items():
        default = "" if name == "model" or field.load_default is None else f"`{field.load_default}`"
        known[config.variable(name)] = [default, field.metadata["description"]]
    assert rows((ROOT / "docs" / "settings.md").read_text()) == known


def test_the_metrics_are_those_that_the_service_exports():
    known = {name: [", ".join(shown.labels), shown.help] for name, shown in (METRICS | GAUGES).items()}
    said = rows((ROOT / "docs" / "metrics.md").read_text().split("<!-- end -->")[0])
    assert {name: rest for name, (_, *rest) in said.items()} == known
