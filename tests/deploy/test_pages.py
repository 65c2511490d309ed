"""The pages with real orders in Chromium: no fault of any kind, wide and narrow, light and dark, with and without scripts."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bearer_tokens import GOOD
from tests.deploy.browser import everywhere, visit, visits
from tests.deploy.nginx import running_nginx
from tests.flights import flights

pytestmark = pytest.mark.deploy


@pytest.fixture(scope="module")
def world(real_data, tmp_path_factory):
    with flights(real_data, tmp_path_factory.mktemp("flights")) as found:
        yield found


def pages(world):
    """What people do, by the name of the page that they see then: the path where they begin, and their steps."""
    find = [["fill", "Order id", world.decided], ["press", "Find"]]
    rank = [["file", "CSV file", str(world.day)], ["fill", "Orders to review", "20"]]
    return {
        "start": ("/ui", []),
        "order": ("/ui/order", []),
        "scored order": ("/ui/order", [["press", "Score"]]),
        "wrong order": ("/ui/order", [["fill", "waiting_departures", "many"], ["press", "Score"]]),
        "upload": ("/ui/upload", []),
        "ranked orders": ("/ui/upload", [*rank, ["press", "Rank"]]),
        "orders by group": ("/ui/upload", [*rank, ["choose", "Taken from", "each dest"], ["press", "Rank"]]),
        "wrong file": ("/ui/upload", [["file", "CSV file", __file__], ["press", "Rank"]]),
        "model": ("/ui/model", []),
        "comparison": ("/ui/compare?from=1.1&to=1.2", []),
        "report": ("/ui/report", []),
        "decisions": ("/ui/decisions", []),
        "found decision": ("/ui/decisions", find),
        "replayed decision": ("/ui/decisions", [*find, ["press", "Replay"]]),
        "nothing found": ("/ui/decisions?order=nobody", []),
        "no such page": ("/ui/nowhere", []),
    }


def address(world, path):
    return f"http://127.0.0.1:{world.server.port}{path}"


def faults_of(found):
    """The faults of a visit. The browser itself says in its console that the status of the document is an error."""
    faults = found.faults()
    own = [each for each in faults.get("console", []) if f"the server responded with a status of {found.status} " in each]
    if found.status >= 400 and len(own) == 1:
        faults["console"] = [each for each in faults["console"] if each not in own]
    return {name: each for name, each in faults.items() if each}


def test_every_page_is_without_fault_wide_and_narrow_light_and_dark(world):
    wanted = [
        (name, each)
        for name, (path, steps) in pages(world).items()
        for each in everywhere(address(world, path), steps=steps, cookies=world.cookies)
    ]
    faults = {
        (name, found.visit["width"], found.visit["scheme"]): faults_of(found)
        for (name, _), found in zip(wanted, visits(each for _, each in wanted), strict=True)
        if faults_of(found)
    }
    assert faults == {}


def test_every_page_works_without_scripts_and_by_the_keyboard(world):
    wanted = [
        visit(address(world, path), steps=[*steps, ["tab", 12]], cookies=world.cookies, javascript=False, axe=False)
        for path, steps in pages(world).values()
    ]
    for found in visits(wanted):
        assert faults_of(found) == {}
        assert found.focus
        begins = found.focus[0]["element"] == 'link "Skip to content"'
        assert begins or "#" in found.url or found.url.endswith("/report")


@pytest.mark.parametrize("behind_nginx", [False, True])
def test_a_person_signs_in_ranks_a_day_downloads_it_and_signs_out(world, tmp_path, behind_nginx):
    steps = [
        ["fill", "Token", GOOD],
        ["press", "Sign in"],
        ["see", "Rank a file of orders"],
        ["file", "CSV file", str(world.day)],
        ["fill", "Orders to review", "20"],
        ["press", "Rank"],
        ["see", "20 of"],
        ["download", "Download all as CSV"],
        ["press", "Sign out"],
        ["see", "Sign in"],
    ]
    with ExitStack() as stack:
        port = stack.enter_context(running_nginx(world.server.port)).port if behind_nginx else world.server.port
        (found,) = visits([visit(f"http://127.0.0.1:{port}/ui/upload", steps=steps, save=str(tmp_path))])
    assert faults_of(found) == {}
    assert found.downloads == ["ranked-orders.csv"]
    lines = Path(tmp_path, "ranked-orders.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == len(world.day.read_text().splitlines())
    assert sum(",review," in line for line in lines[1:21]) == 20
