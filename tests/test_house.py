"""The house rules that a tool can count."""

import ast
import sys

import pytest

from tests.facts import ROOT

ROOMS = [path for room in ("model", "schemas", "service") for path in sorted((ROOT / room).rglob("*.py"))]
NAMES = [str(path.relative_to(ROOT)) for path in ROOMS]


@pytest.mark.parametrize("path", ROOMS, ids=NAMES)
def test_a_module_stays_under_its_limit_and_states_its_law(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 250
    assert not text or ast.get_docstring(ast.parse(text))


def test_no_module_is_a_drawer_for_everything():
    assert not {path.stem for path in ROOMS} & {"utils", "helpers", "common", "misc", "manager"}


def test_the_model_imports_numpy_and_the_standard_library_alone():
    allowed = {"numpy", "model"} | sys.stdlib_module_names
    for path in (ROOT / "model").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, path


def test_only_the_command_line_and_wsgi_read_the_environment():
    readers = {name for path, name in zip(ROOMS, NAMES, strict=True) if "os.environ" in path.read_text()}
    assert all(name.startswith("service/cli/") or name == "service/wsgi.py" for name in readers)
