"""Every relative link leads to a file, and to a heading of it."""

import pkgutil
import re
from pathlib import Path

import pytest

from tests.facts import ROOT
from tests.pages import NAMES, PAGES

_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_ELSEWHERE = re.compile(r"[a-z]+:")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The ids that a Markdown page's headings get."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return {re.sub(r"[^\w -]", "", found.lower()).replace(" ", "-") for found in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def broken(page: Path, text: str) -> list[str]:
    """The links of a page with this text that lead nowhere."""
    found = []
    for path, anchor in _LINK.findall(_CODE.sub("", text)):
        target = page.parent / path if path else page
        if not _ELSEWHERE.match(path) and not (target.is_file() and (not anchor or anchor in anchors(target))):
            found.append(f"{path}#{anchor}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    assert broken(page, page.read_text()) == []


@pytest.mark.parametrize(
    "link", ["[a](nowhere.md)", "[a](README.md#nowhere)", "[a](#nowhere)", "![a](docs)", "[a](docs/api.md#settings)"]
)
def test_a_link_that_leads_nowhere_is_found(link):
    assert broken(ROOT / "README.md", f"`code` {link}")


def test_every_page_of_docs_is_reached_from_the_index():
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            links = (path for path, _ in _LINK.findall(page.read_text()) if path.endswith(".md") and not _ELSEWHERE.match(path))
            waiting += [(page.parent / path).resolve() for path in links]
    assert {page.resolve() for page in PAGES} <= reached


_PATH = re.compile(r"`((?:service|schemas|model|tests|docs|deploy)/[\w./-]*)`")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_path_of_the_repository_that_is_named_exists(page):
    assert {path for path in _PATH.findall(page.read_text()) if not (ROOT / path).exists()} == set()


def test_the_way_of_a_batch_names_at_most_eight_functions_in_at_most_six_modules_that_exist():
    text = (ROOT / "docs" / "architecture.md").read_text()
    steps = re.findall(r"^\| [0-9] \| `([\w.]+)` \|", text, re.MULTILINE)
    modules = {
        step.partition(match[0])[0] + match[0] for step in steps if (match := re.search(r"\.(\w+)(?=\.[A-Z]|\.\w+$)", step))
    }
    assert 0 < len(steps) <= 8
    assert len(modules) <= 6
    assert all(callable(pkgutil.resolve_name(step)) for step in steps)
