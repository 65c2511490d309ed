"""Draw the pictures of docs/pages.md: `python -m tests.deploy.page_pictures`, after install.sh, with the real orders."""

import tempfile
from pathlib import Path

from tests.deploy.browser import visit, visits
from tests.deploy.test_pages import address, pages
from tests.facts import REAL_DATA, ROOT
from tests.flights import flights

IMAGES = ROOT / "docs" / "images"
HEIGHTS = {"scored order": 1000, "ranked orders": 900, "model": 1000, "found decision": 900}
"""By the name of the page, how many pixels of it are shown from its top."""


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, flights(REAL_DATA, Path(folder)) as world:
        found = pages(world)
        wanted = []
        for name, height in HEIGHTS.items():
            path, steps = found[name]
            picture = str(IMAGES / f"{name.replace(' ', '-')}.png")
            given = {"steps": steps, "cookies": world.cookies, "screenshot": picture, "height": height, "axe": False}
            wanted.append(visit(address(world, path), **given))
        for each in visits(wanted):
            assert each.status == 200, each


if __name__ == "__main__":
    main()
