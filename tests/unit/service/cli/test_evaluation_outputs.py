import importlib.util

import click
import pytest
from click.testing import CliRunner

from service.cli.evaluation_outputs import evaluation_outputs
from service.offline.evaluation.figures import FIGURES
from tests.evaluations import evaluation


@click.command()
@click.argument("file")
@evaluation_outputs
def evaluate(file, outputs):
    click.echo(f"evaluated {file}")
    outputs.write(evaluation())


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(evaluate, ["orders.csv", *arguments])


@pytest.fixture
def no_matplotlib(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "matplotlib" else find(name, *more))


def test_plots_and_report_are_written_where_they_are_asked_for(run, tmp_path):
    assert run("--plots", "plots", "--report", "report.html").exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"plots", "report.html"}
    assert len(list((tmp_path / "plots").iterdir())) == 2 * len(FIGURES)
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_without_the_options_nothing_is_written_and_matplotlib_is_not_needed(run, tmp_path, no_matplotlib):
    result = run()
    assert (result.exit_code, result.output) == (0, "evaluated orders.csv\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [("--plots", "plots"), ("--report", "report.html")])
def test_without_matplotlib_the_options_end_before_the_evaluation_and_name_the_extra(run, tmp_path, no_matplotlib, options):
    result = run(*options)
    assert result.exit_code == 2
    assert f'{options[0]}: the extra plots is not installed; pip install "delivery-risk[plots]".' in result.output
    assert "evaluated" not in result.output
    assert not list(tmp_path.iterdir())


def test_a_report_does_not_replace_a_file_of_orders(run, tmp_path):
    (tmp_path / "orders.csv").write_text("order_id\n")
    result = run("--report", "orders.csv")
    assert result.exit_code == 2
    assert "--report orders.csv: the name of the file must end in .html." in result.output
    assert (tmp_path / "orders.csv").read_text() == "order_id\n"


def test_what_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("--plots", "file/plots")
    assert result.exit_code == 2
    assert "file/plots: Not a directory." in result.output
    result = run("--report", "none/report.html")
    assert result.exit_code == 2
    assert "none/report.html: No such file or directory." in result.output
