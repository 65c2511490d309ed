"""Visit pages with Chromium: `.venv-deploy/bin/python -m tests.deploy.browser_program`, JSON visits in, JSON findings out.

tests/deploy/browser.py says what a visit and a finding contain.
"""

import json
import sys
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error, sync_playwright

from tests.deploy.browser_steps import ACTION, Steps

CHROMIUM = "/usr/bin/chromium"
# No request leaves the machine, and no sandbox, since CI runs as root.
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]
HEIGHT, PHONE = 800, 600  # pixels; narrower than PHONE, a page is shown as on a phone, which needs <meta name="viewport">
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
# Where a page may run no scripts, its timers never fire. axe defers by them, so they become promises; its timeouts are dropped.
NO_TIMERS = (
    "() => { window.setTimeout = (f, after, ...given) => { after > 100 || Promise.resolve().then(() => f(...given)); }; }"
)
RUN_AXE = """async tags => {
    const found = await axe.run(document, { runOnly: tags, resultTypes: ["violations", "incomplete"] });
    const row = rule => rule.nodes.map(node => ({ id: rule.id, impact: node.impact, target: node.target.join(" ") }));
    return [found.violations.flatMap(row), found.incomplete.flatMap(row)];
}"""


class Tab:
    """One page in a browser context of its own, and what was seen there."""

    def __init__(self, context: BrowserContext, visit: dict[str, Any]) -> None:
        self.visit, self.origin = visit, urlsplit(visit["url"])[:2]
        self.found: dict[str, list[str]] = {name: [] for name in ("console", "csp", "foreign", "failed", "errors")}
        self.documents: list[Any] = []
        context.set_default_timeout(ACTION)
        context.on("request", self._requested)
        context.on("response", lambda answer: answer.request.is_navigation_request() and self.documents.append(answer))
        context.on("requestfailed", self._failed)
        context.on("weberror", lambda error: self.found["errors"].append(str(error.error)))
        context.on("console", self._logged)
        self.page = context.new_page()
        self.steps = Steps(self.page, visit.get("save"))
        # The browser itself reports what a policy blocks: an event listener in the page would see nothing without JavaScript.
        audits = context.new_cdp_session(self.page)
        audits.on("Audits.issueAdded", self._reported)
        audits.send("Audits.enable")

    def _requested(self, request: Any) -> None:
        if request.url.startswith("http") and urlsplit(request.url)[:2] != self.origin:
            self.found["foreign"].append(request.url)

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # by the browser, as it left the page or began a download
            self.found["failed"].append(f"{request.url}: {request.failure}")

    def _logged(self, message: Any) -> None:
        # The status of a document is in the finding; Chromium logs it too, from 400 on. When it asks for /favicon.ico cannot be
        # foreseen: _look reports instead why it would.
        url = message.location["url"]
        known = urlsplit(url).path == "/favicon.ico" or url in [answer.url for answer in self.documents]
        if not (known and message.text.startswith("Failed to load resource: the server responded")):
            self.found["console"].append(f"{message.type}: {message.text}")

    def _reported(self, event: dict[str, Any]) -> None:
        details = event["issue"]["details"].get("contentSecurityPolicyIssueDetails")
        if details:
            self.found["csp"].append(f"{details['violatedDirective']}: {details.get('blockedURL', 'inline')}")

    def finding(self) -> dict[str, Any]:
        seen: dict[str, Any] = {"error": None}
        try:
            for kind, *given in [("goto", self.visit["url"]), *self.visit.get("steps", [])]:
                self.steps.take(kind, *given)
            seen |= self._look()
        except Error as error:
            seen["error"] = str(error)
        return self.found | seen | {"focus": self.steps.focus, "downloads": self.steps.downloads}

    def _look(self) -> dict[str, Any]:
        page, width = self.page, self.visit["width"]
        if "screenshot" in self.visit:
            size = {"width": self.visit["width"], "height": self.visit["height"]} if "height" in self.visit else None
            page.screenshot(path=self.visit["screenshot"], full_page=True, clip=size and {"x": 0, "y": 0, **size})
        seen = {"title": page.title(), "url": page.url, "text": page.inner_text("body")}
        if not page.locator("link[rel~=icon]").count():
            self.found["console"].append("error: no <link rel=icon>, so that browsers ask for /favicon.ico")
        status = [answer.status for answer in self.documents if answer.url == page.url.partition("#")[0]][-1]
        overflows = page.evaluate("document.documentElement.scrollWidth") > width
        seen |= {"status": status, "overflows": overflows}
        if not self.visit.get("axe", True):
            return seen
        if not self.visit.get("javascript", True):
            page.evaluate(NO_TIMERS)
        page.evaluate(AXE)
        violations, undecided = page.evaluate(RUN_AXE, TAGS)
        return seen | {"axe": violations, "undecided": undecided}


def visited(browser: Browser, visit: dict[str, Any]) -> dict[str, Any]:
    """What one visit found; `error` says what ended it early."""
    width = visit["width"]
    shape = {"viewport": {"width": width, "height": HEIGHT}, "is_mobile": width < PHONE, "color_scheme": visit["scheme"]}
    scripts, headers = visit.get("javascript", True), visit.get("headers", {})
    context = browser.new_context(**shape, java_script_enabled=scripts, extra_http_headers=headers)
    try:
        context.add_cookies([{"url": visit["url"]} | cookie for cookie in visit.get("cookies", [])])
        return Tab(context, visit).finding()
    finally:
        context.close()


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        findings = []
        for visit in json.load(sys.stdin):
            sys.stderr.write(f"{visit['url']} {visit['width']} {visit['scheme']}\n")  # a run that hangs ends with its visit
            sys.stderr.flush()
            findings.append(visited(browser, visit))
        json.dump(findings, sys.stdout)


if __name__ == "__main__":
    main()
