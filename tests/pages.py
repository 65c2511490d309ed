"""The pages that people read, and what is in them."""

import re
from pathlib import Path

from tests.facts import ROOT

README = ROOT / "README.md"
PAGES = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def section(page: Path, heading: str) -> str:
    """The text under a heading of the second level."""
    return page.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(language: str, text: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def rows(text: str) -> dict[str, list[str]]:
    """The cells after the first one, by that, of the table rows whose first cell is code."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    return {first.strip("`"): rest for first, *rest in lines}
