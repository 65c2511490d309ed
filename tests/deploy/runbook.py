"""The sections of deploy/RUNBOOK.md, one for each alert."""

import re

from tests.deploy.promtool import ALERTS
from tests.facts import ROOT

RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text()
_SECTION = re.compile(
    r"\n\n\*\*Means\.\*\* .{40}.*?\n\n\*\*Look first\.\*\*\n\n```promql\n(.+?)\n```\n\n\*\*Do\.\*\* .{40}", re.DOTALL
)


def sections(text: str = RUNBOOK) -> dict[str, str]:
    """The text of each section, by its title; the first ones are not of alerts."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def queries(text: str = RUNBOOK) -> dict[str, str]:
    """What each section that says what its alert means and what to do would have looked at first, by its title."""
    return {title: found[1] for title, body in sections(text).items() if (found := _SECTION.match(body))}


def unexplained(text: str = RUNBOOK) -> set[str]:
    """The alerts whose link leads to no section that says what they mean, where to look and what to do."""
    known = {f"deploy/RUNBOOK.md#{title.lower()}" for title in queries(text)}
    return {
        name for name, rule in ALERTS.items() if rule["annotations"]["runbook_url"] not in known or name not in sections(text)
    }
