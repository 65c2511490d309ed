"""A run that fails or ends before or after any step leaves what a later run completes: the same files as an unbroken one."""

import hashlib
import json
import os

import pytest

from service.bulk import drafts
from service.bulk.place import Place
from tests.bulk_files import tree, write_orders
from tests.bulk_runs import bulk

STEPS = ("file", "read", "publish", "write", "remove")
NAMES = ("a.parquet", "day/b.csv")


class Breaking:
    """Calls `broken` before or after the call number `at`, from 0, of a step of a place, or of the making of a draft."""

    def __init__(self, monkeypatch, at=None, after=False, broken=None):
        self.calls, self.at, self.after, self.broken = 0, at, after, broken
        for name in STEPS:
            monkeypatch.setattr(Place, name, self.wrapped(name, getattr(Place, name)))
        monkeypatch.setattr(drafts, "_created", self.wrapped("_created", drafts._created))

    def wrapped(self, name, step):
        def call(*given):
            ours, self.calls = self.calls == self.at, self.calls + 1
            after = self.after and name != "_created"  # its caller closes the file
            if ours and not after:
                self.broken()
            outcome = step(*given)
            if ours and after:
                self.broken()
            return outcome

        return call


def fails():
    raise OSError(5, "Input/output error")


def ends():
    os._exit(7)


def begun(tmp_path, before):
    """Orders, and a folder of results: none, those of another policy, or those of other orders under the same names."""
    orders, results = write_orders(tmp_path / "orders", 60, NAMES), tmp_path / "results"
    if before == "another policy":
        bulk(orders, results, out_of_range="flag")
    if before == "other orders":
        bulk(write_orders(tmp_path / "others", 50, NAMES[::-1], seed=1), results)
    return orders, results


def continued(orders, results):
    """What a run leaves. One with `--force` claims the folder once, and the next one goes on without it."""
    bulk(orders, results, "--force")
    return dict(tree(results))


@pytest.mark.parametrize("before", ["nothing", "another policy", "other orders"])
@pytest.mark.parametrize("broken", [fails, ends])
def test_a_run_that_breaks_off_at_any_step_is_completed_by_the_next_one(tmp_path, monkeypatch, before, broken):
    orders, results = begun(tmp_path / "unbroken", before)
    with monkeypatch.context() as patch:
        counted = Breaking(patch)
        unbroken = continued(orders, results)
    assert counted.calls > 30
    for at in range(counted.calls):
        folder = tmp_path / f"{at}"
        orders, results = begun(folder, before)
        earlier = tree(results)
        with monkeypatch.context() as patch:
            Breaking(patch, at, after=at % 2 == 1, broken=broken)
            if broken is ends:
                child = os.fork()
                if child == 0:
                    bulk(orders, results, "--force")
                    os._exit(0)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            else:
                bulk(orders, results, "--force", code=(1, 2))
        left = {name: data for name, data in tree(results).items() if not name.startswith("_drafts/")}
        assert "_SUCCESS.json" not in left or left in (earlier, unbroken), at
        for name in NAMES:  # a part that is recorded is there
            if (record := left.get(f"_parts/{name}.json")) is not None:
                assert json.loads(record)["results"]["sha256"] == hashlib.sha256(left[name]).hexdigest(), at
        assert continued(orders, results) == unbroken, at
