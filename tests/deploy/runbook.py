"""The sections of deploy/RUNBOOK.md, one for each alert."""

import re

from tests.deploy.promql import ALERTS
from tests.facts import ROOT

RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text()
_SECTION = re.compile(
    r"\n\n\*\*Means\.\*\* .{40}.*?\n\n\*\*Look first\.\*\*\n\n```promql\n(.+?)\n```\n\n\*\*Do\.\*\* .{40}", re.DOTALL
)


def sections(text: str = RUNBOOK) -> dict[str, str]:
    """The text of each section by its title, including those that are not about alerts."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def queries(text: str = RUNBOOK) -> dict[str, str]:
    """The first query of each complete section, by its title: complete with a meaning, a query and what to do."""
    return {title: found[1] for title, body in sections(text).items() if (found := _SECTION.match(body))}


def unexplained(text: str = RUNBOOK) -> set[str]:
    """The alerts whose link does not lead to a complete section."""
    links = {f"deploy/RUNBOOK.md#{title.lower()}": title for title in queries(text)}
    return {name for name, rule in ALERTS.items() if links.get(rule["annotations"]["runbook_url"]) != name}
