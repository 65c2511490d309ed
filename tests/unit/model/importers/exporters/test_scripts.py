"""The text of the printed scripts."""

import ast
import subprocess
import sys

import pytest

from model.importers import exporters
from tests.facts import ROOT

ALLOWED = {"numpy": exporters.FRAMEWORKS, "joblib": ("sklearn",), "pandas": ("sklearn",)}


@pytest.mark.parametrize("framework", exporters.FRAMEWORKS)
def test_a_script_imports_numpy_its_framework_and_the_standard_library(framework):
    names = set()
    for node in ast.walk(ast.parse(exporters.script(framework))):
        names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
        names |= {node.module} if isinstance(node, ast.ImportFrom) else set()
    roots = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert roots == {framework, *(each for each, by in ALLOWED.items() if framework in by)}


@pytest.mark.parametrize("framework", exporters.FRAMEWORKS)
def test_a_script_is_formatted_as_the_project_is_and_passes_its_linter(tmp_path, framework):
    script = tmp_path / "export.py"
    script.write_text(exporters.script(framework))
    for command in (["format", "--check"], ["check", "--ignore=T201"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", ROOT / "pyproject.toml", script],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("framework", exporters.FRAMEWORKS)
def test_a_script_says_how_it_is_run(tmp_path, framework):
    script = tmp_path / "export.py"
    script.write_text(exporters.script(framework))
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0
    assert "--out OUT" in done.stdout
