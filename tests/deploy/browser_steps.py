"""What a user does on a page, for browser_program.py: find a field by its label, a button by its name, press a key."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

ACTION, LOAD = 10_000, 20_000  # milliseconds
FOCUS_SHOWS = """element => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow } = getComputedStyle(element);
    const outlined = outlineStyle !== "none" && parseFloat(outlineWidth) > 0 && !outlineColor.endsWith(", 0)");
    const { left, top, right, bottom } = element.getClientRects()[0];
    const middle = (low, high, most) => (Math.max(low, 0) + Math.min(high, most)) / 2; // of what the window shows
    const above = document.elementFromPoint(middle(left, right, innerWidth), middle(top, bottom, innerHeight));
    return (outlined || boxShadow !== "none") && above !== null && (element.contains(above) || above.contains(element));
}"""


class Steps:
    """The steps of a visit on one page. `downloads` and `focus` grow by what they meet."""

    def __init__(self, page: Page, save: str | None) -> None:
        self.page, self.save = page, save
        self.downloads: list[str] = []  # their names
        self.focus: list[dict[str, Any]] = []

    def take(self, kind: str, *given: Any) -> None:
        """Take a step, and wait for the document that it leads to."""
        getattr(self, f"_{kind}")(*given)
        self.page.wait_for_load_state(timeout=LOAD)

    def _labelled(self, label: str) -> Locator:
        """The field with this label, else the one whose label contains it."""
        exact = self.page.get_by_label(label, exact=True)
        return exact if exact.count() else self.page.get_by_label(label)

    def _named(self, name: str) -> Locator:
        """The button, link or summary of details with this name, else the one whose name contains it."""
        for exact in (True, False):
            button, link = (self.page.get_by_role(role, name=name, exact=exact) for role in ("button", "link"))
            summary = self.page.locator("summary").filter(has_text=name)
            found = button.or_(link).or_(summary)
            if found.count():
                break
        found.first.wait_for()
        return found

    def _goto(self, url: str) -> None:
        self.page.goto(url, timeout=LOAD)

    def _see(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def _fill(self, label: str, text: str) -> None:
        self._labelled(label).fill(text)

    def _choose(self, label: str, option: str) -> None:
        self._labelled(label).select_option(label=option)

    def _check(self, label: str) -> None:
        self._labelled(label).check()

    def _file(self, label: str, path: str) -> None:
        self._labelled(label).set_input_files(path)

    def _press(self, name: str) -> None:
        self._named(name).click(timeout=LOAD)

    def _download(self, name: str) -> None:
        assert self.save is not None, "a visit that downloads needs `save`"
        with self.page.expect_download(timeout=LOAD) as event:
            self._named(name).click(timeout=LOAD)
        file = event.value
        file.save_as(Path(self.save) / file.suggested_filename)
        self.downloads.append(file.suggested_filename)

    def _key(self, key: str) -> None:
        focused = self.page.locator(":focus")
        if focused.count():
            focused.press(key, timeout=LOAD)
        else:
            self.page.keyboard.press(key)

    def _tab(self, times: int) -> None:
        for _ in range(times):
            self.page.keyboard.press("Tab")
            focused = self.page.locator(":focus")
            if focused.count():
                element = focused.aria_snapshot().partition("\n")[0].removeprefix("- ").removesuffix(":")
                self.focus.append({"element": element, "visible": focused.evaluate(FOCUS_SHOWS)})
