"""Pages as Debian's Chromium shows them, and the faults that it and axe find there."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NotRequired, TypedDict, cast

from tests.deploy.programs import TOOLS, program
from tests.facts import ROOT
from tests.servers import absent

WIDTHS, SCHEMES = (360, 1280), ("light", "dark")
SECONDS = 20  # for a visit, on average, and for the start


class Visit(TypedDict):
    """What to open, how, and what a user does then.

    A step is a list: `["fill", label, text]`, `["choose", label, option]`, `["check", label]`, `["file", label, path]`,
    `["press", name]` for a button, link or summary of details, `["download", name]`, `["key", "Enter"]`, `["tab", times]`,
    `["goto", url]`, or `["see", text]`, which waits for the text. A cookie is `{"name": ..., "value": ...}`. `save` names the
    folder for downloads.
    """

    url: str
    width: int
    scheme: str
    javascript: NotRequired[bool]  # True unless given
    axe: NotRequired[bool]  # True unless given; axe takes long for a page of thousands of elements
    cookies: NotRequired[list[dict[str, Any]]]
    headers: NotRequired[dict[str, str]]
    steps: NotRequired[list[list[Any]]]
    screenshot: NotRequired[str]
    height: NotRequired[int]  # how many pixels of the page are on it; all unless given
    save: NotRequired[str]


@dataclass(frozen=True)
class Finding:
    """What a visit met on its way, and the document at its end."""

    visit: Visit
    console: list[str]
    csp: list[str]  # what the content security policy blocked
    foreign: list[str]  # requests to another origin
    failed: list[str]  # requests without an answer
    errors: list[str]  # exceptions of the page's scripts
    focus: list[dict[str, Any]]  # where Tab led: `element` is its role and name, `visible` whether its focus can be seen
    downloads: list[str]
    error: str | None  # what ended the visit early
    status: int | None = None
    title: str = ""
    url: str = ""
    text: str = ""  # of the body, as it is seen
    overflows: bool = False  # it is wider than the window
    axe: list[dict[str, Any]] = field(default_factory=list)  # id, impact and target of each violation
    undecided: list[dict[str, Any]] = field(default_factory=list)  # what axe leaves to a person

    def faults(self) -> dict[str, Any]:
        """What is wrong, by the name of its field; empty for a good page. The status is not judged."""
        names = ("console", "csp", "foreign", "failed", "errors", "error", "overflows", "axe")
        unseen = [focus["element"] for focus in self.focus if not focus["visible"]]
        return {name: value for name, value in [*((name, getattr(self, name)) for name in names), ("focus", unseen)] if value}


def visit(url: str, width: int = 1280, scheme: str = "light", **given: Any) -> Visit:
    """A visit; `given` are the other keys of a Visit."""
    return cast(Visit, {"url": url, "width": width, "scheme": scheme} | given)


def everywhere(url: str, **given: Any) -> list[Visit]:
    """The visits of a page in each width and colour scheme."""
    return [visit(url, width, scheme, **given) for width, scheme in product(WIDTHS, SCHEMES)]


def visits(wanted: Iterable[Visit]) -> list[Finding]:
    """Make the visits, each in a fresh context of one browser. Skips without a browser, or fails in CI."""
    wanted = list(wanted)
    program("chromium")
    python = TOOLS / "bin" / "python"
    if not any(TOOLS.glob("lib/python3*/site-packages/axe_playwright_python")):
        absent("there is no playwright or axe: see tests/deploy/install.sh")
    command, seconds = [str(python), "-m", "tests.deploy.browser_program"], SECONDS * (1 + len(wanted))
    try:
        done = subprocess.run(
            command, input=json.dumps(wanted), capture_output=True, text=True, cwd=ROOT, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"the browser took longer than {seconds} s; it had come to {error.stderr!r}") from None
    assert done.returncode == 0, done.stderr[-3000:]
    return [Finding(visit, **seen) for visit, seen in zip(wanted, json.loads(done.stdout), strict=True)]
