"""The rules of the house that a tool can count."""

import ast
import re
import subprocess
import sys

import pytest

from tests.facts import ROOT

ROOMS = [path for room in ("model", "schemas", "service") for path in sorted((ROOT / room).rglob("*.py"))]
NAMES = [str(path.relative_to(ROOT)) for path in ROOMS]

# Words that the glossary retires altogether, in any form, and the key of /model that has one of them as its name.
RETIRED = re.compile(
    r"(?<![a-z])(lineup|roster|tall(?:y|i)|keyring|survey|discretion|corridor|shel(?:f|ves))(?:s|es|ed|ing)?(?![a-z])"
)
KEY_OF_MODEL = re.compile(r'"lineup"|`lineup`|^    lineup = fields\.Nested', re.MULTILINE)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@pytest.mark.parametrize("path", ROOMS, ids=NAMES)
def test_a_module_has_at_most_250_lines_and_a_docstring(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 250
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", [path.parent for path in ROOMS if path.name == "__init__.py"], ids=lambda path: path.name)
def test_a_folder_says_its_job_in_one_sentence(path):
    job = ast.get_docstring(ast.parse((path / "__init__.py").read_text())) or ""
    assert re.fullmatch(r"[^.?!]+\.", job), job


def test_the_service_has_at_most_six_modules_of_its_own():
    assert len([path for path in ROOMS if path.parent == ROOT / "service" and path.name != "__init__.py"]) <= 6


def test_no_module_has_a_name_that_says_nothing():
    assert not {path.stem for path in ROOMS} & {"utils", "helpers", "common", "misc", "manager"}


def test_the_model_imports_numpy_and_the_standard_library_alone_and_its_importer_of_onnx_that():
    onnx = ROOT / "model/importers/onnx_graph/graph.py"
    printed = {ROOT / "model/importers/exporters" / f"{name}.py" for name in ("sklearn", "torch", "keras")}
    for path in {*(ROOT / "model").rglob("*.py")} - printed:
        allowed = {"numpy", "model", *(("onnx", "google") if path == onnx else ())} | sys.stdlib_module_names
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, path


def test_only_the_command_line_and_wsgi_read_the_environment():
    readers = {name for path, name in zip(ROOMS, NAMES, strict=True) if "os.environ" in path.read_text()}
    assert all(name.startswith("service/cli/") or name == "service/wsgi.py" for name in readers)


def test_contributing_names_the_verbs_of_the_justfile():
    verbs = re.findall(r"^(\w+)(?: \*\w+)?:(?!=)", (ROOT / "justfile").read_text(), re.MULTILINE)
    assert {"default", *re.findall(r"^\| `just (\w+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)} == set(verbs)


def retired(text):
    """The retired words of a text, with the numbers of their lines."""
    lines = KEY_OF_MODEL.sub("", text).splitlines()
    return [
        (number, found[0]) for number, line in enumerate(lines, 1) for found in RETIRED.finditer(CAMEL.sub(" ", line).lower())
    ]


@pytest.mark.parametrize(
    "text", ["the Tally", "_tally", "tallies", "LineupSchema", "OLD_ROSTER", "a lineup", "shelves", "surveyed"]
)
def test_a_retired_word_is_seen_in_text_and_names(text):
    assert retired(text)


@pytest.mark.parametrize("text", ["totally", "installation", 'document["lineup"]', "under `lineup`", "metallic", "shell"])
def test_other_words_and_the_key_of_the_model_card_are_no_retired_word(text):
    assert not retired(text)


def test_no_file_uses_a_retired_word():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("the files are listed by git, and this is no clone")
    found = {}
    for name in listed.stdout.split("\0")[:-1]:
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in data and name not in {"CHANGELOG.md", "tests/unit/test_house.py"}:
            found[name] = retired(data.decode(errors="replace"))
    assert {name: words for name, words in found.items() if words} == {}
