"""Bulk over an object store that fails as real ones do: no partial object is seen, and the next run completes the set."""

import hashlib
import json
import signal
import subprocess
import sys
import threading

import pytest

from tests.bulk_files import tree, write_orders
from tests.bulk_runs import bulk
from tests.object_store import BUCKET, CREDENTIALS, Faults, object_store
from tests.servers import environment

FEW = ("a.parquet", "day/b.csv.gz", "c.jsonl")
COMMAND = [sys.executable, "-m", "service.cli", "bulk"]
LARGE = 2**24
LONGEST = [pytest.mark.long, pytest.mark.longest]
UPLOADS = ["day/b.csv.gz", "_SUCCESS.json"] + [
    pytest.param(name, marks=LONGEST) for name in ("_rejects/a.parquet", "_parts/c.jsonl.json", "_parts/_made_by.json")
]
MOMENTS = ["partNumber=2", pytest.param("partNumber=1", marks=LONGEST), pytest.param("uploadId=", marks=LONGEST)]
ENGINES = [["--jobs", "2"], pytest.param(["--engine", "dask", "--jobs", "2"], marks=LONGEST)]


@pytest.fixture(scope="module")
def running():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        with object_store() as store:
            yield store


@pytest.fixture
def store(running):
    """The store, without faults."""
    running.faults = Faults()
    yield running
    running.faults.released.set()
    running.faults = Faults()


@pytest.fixture
def orders(tmp_path):
    return write_orders(tmp_path / "orders", 30, FEW)


@pytest.fixture
def expected(tmp_path, orders):
    """What a run writes to a local folder."""
    bulk(orders, tmp_path / "expected")
    return tree(tmp_path / "expected")


@pytest.fixture
def folder(request):
    """The name of a folder of the store for this test alone."""
    return "".join(each if each.isalnum() else "-" for each in request.node.name)


def to(method, name):
    """Whether a request of this method is about an object whose name ends so."""
    return lambda asked, path: asked == method and path.partition("?")[0].endswith(name)


def run(*arguments, **options):
    """The real program, which must end."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, env=environment(**CREDENTIALS), capture_output=True, text=True, timeout=100, **options)


def without_records(files):
    return {name: data for name, data in files.items() if not name.startswith("_parts/")}


def test_a_store_gets_the_files_that_a_folder_gets(store, orders, expected, folder):
    bulk(orders, store.url(folder))
    assert store.objects(folder) == expected
    assert "0 scored, 3 already scored" in bulk(orders, store.url(folder)).stderr


def test_orders_of_a_store_give_the_results_of_a_folder_however_its_listing_is_paged(store, orders, expected, folder, tmp_path):
    store.put(f"{folder}/in", tree(orders))
    store.faults = Faults(keys=1)
    bulk(store.url(f"{folder}/in"), tmp_path / "results")
    assert without_records(tree(tmp_path / "results")) == without_records(expected) | {
        "_SUCCESS.json": expected["_SUCCESS.json"]
    }
    assert any("continuation-token" in path for _, path in store.faults.requests)
    bulk(store.url(f"{folder}/in/**.csv.gz"), tmp_path / "one")
    assert (tmp_path / "one/day/b.csv.gz").read_bytes() == expected["day/b.csv.gz"]


@pytest.mark.parametrize("name", UPLOADS)
def test_an_upload_that_is_broken_off_leaves_no_object_and_the_next_run_completes(store, orders, expected, folder, name):
    store.faults = Faults(broken=to("PUT", f"/{name}"))
    done = bulk(orders, store.url(folder), code=(1, 2))
    assert f"{folder}/{name}" in done.stderr
    left = store.objects(folder)
    assert name not in left
    assert "_SUCCESS.json" not in left
    store.faults = Faults()
    bulk(orders, store.url(folder))
    assert store.objects(folder) == expected


def test_an_upload_over_an_older_object_that_is_broken_off_is_not_recorded(store, orders, folder):
    bulk(orders, store.url(folder), out_of_range="flag")
    store.faults = Faults(broken=to("PUT", "/day/b.csv.gz"))
    done = bulk(orders, store.url(folder), "--force", code=1)
    assert "day/b.csv.gz: " in done.stderr
    assert "_parts/day/b.csv.gz.json" not in store.objects(folder)


def test_a_store_that_throttles_is_asked_again(store, orders, expected, folder):
    store.faults = Faults(throttled=lambda method, _: method in ("PUT", "POST"), times=2)
    bulk(orders, store.url(folder))
    assert store.objects(folder) == expected
    assert store.faults.times == 0


def test_a_part_that_a_store_throttles_for_good_fails_by_its_name_and_is_completed_later(store, orders, expected, folder):
    store.faults = Faults(throttled=to("PUT", "/day/b.csv.gz"))
    done = bulk(orders, store.url(folder), code=1)
    assert "day/b.csv.gz: " in done.stderr
    assert "2 scored, 0 already scored, 1 failed" in done.stderr
    assert {"day/b.csv.gz", "_SUCCESS.json"}.isdisjoint(store.objects(folder))
    store.faults = Faults()
    assert "1 scored, 2 already scored" in bulk(orders, store.url(folder)).stderr
    assert store.objects(folder) == expected


def test_an_object_that_changed_is_scored_again(store, orders, folder, tmp_path):
    store.put(f"{folder}/in", tree(orders))
    bulk(store.url(f"{folder}/in"), tmp_path / "results")
    size = (orders / "c.jsonl").stat().st_size
    changed = (orders / "c.jsonl").read_bytes().replace(b"c.jsonl-0", b"c.jsonl-z")
    assert len(changed) == size
    store.put(f"{folder}/in", {"c.jsonl": changed})
    assert "1 scored, 2 already scored" in bulk(store.url(f"{folder}/in"), tmp_path / "results").stderr
    assert b"c.jsonl-z" in (tmp_path / "results/c.jsonl").read_bytes()


def test_the_record_of_an_object_has_the_etag_of_its_store(store, orders, folder, tmp_path):
    store.put(f"{folder}/in", tree(orders))
    bulk(store.url(f"{folder}/in"), tmp_path / "results")
    record = json.loads((tmp_path / "results/_parts/c.jsonl.json").read_text())
    digest = hashlib.md5((orders / "c.jsonl").read_bytes()).hexdigest()  # what S3 gives an object of one part
    assert record["fingerprint"] == {"etag": digest}


def test_an_object_that_changes_within_a_second_while_it_is_read_fails(store, orders, folder, tmp_path, monkeypatch):
    from service.bulk import score_part

    store.put(f"{folder}/in", tree(orders))
    scored = score_part._score

    def changed(source, part, *given):
        counts = scored(source, part, *given)
        if part == "c.jsonl":
            store.put(f"{folder}/in", {part: (orders / part).read_bytes().replace(b"c.jsonl-0", b"c.jsonl-z")})
        return counts

    monkeypatch.setattr(score_part, "_score", changed)
    done = bulk(store.url(f"{folder}/in"), tmp_path / "results", code=1)
    assert "c.jsonl: it changed while it was read" in done.stderr


@pytest.mark.parametrize("name", ["a//b.csv", "../b.csv", "a/../b.csv", "a/./b.csv", "/b.csv"])
def test_objects_whose_names_are_no_paths_are_rejected(store, orders, folder, tmp_path, name):
    store.put(f"{folder}/in", {name: b"order_id\n", "valid.csv": b"order_id\n"})
    done = bulk(store.url(f"{folder}/in"), tmp_path / "results", code=2)
    assert "a name must not begin with / or contain //, /./ or /../" in done.stderr
    assert not (tmp_path / "results").exists()


def test_overlapping_folders_of_a_store_are_rejected(store, orders, folder):
    store.put(f"{folder}/in", tree(orders))
    for results in ("in", "in/out", ""):
        assert "IN and OUT overlap" in bulk(store.url(f"{folder}/in"), store.url(f"{folder}/{results}"), code=2).stderr
    bulk(store.url(f"{folder}/in"), store.url(f"{folder}/in-2"))


def test_a_bucket_that_is_not_there_is_named(store, orders):
    done = bulk(orders, store.url("x").replace(f"//{BUCKET}/", "//absent/"), code=2)
    assert "absent" in done.stderr.splitlines()[-1]


def test_the_secret_of_a_url_is_in_no_message(store, orders):
    url = store.url("nothing-here").replace("s3://", "s3://example:tattletale@")
    done = bulk(url, orders.parent / "results", code=2)
    assert f"s3://{BUCKET}/nothing-here: there are no files of orders." in done.stderr
    assert "tattletale" not in done.output


@pytest.mark.parametrize(
    "options", [["--jobs", "2"], pytest.param(["--engine", "dask", "--jobs", "2"], marks=pytest.mark.long)]
)
def test_processes_share_the_work_over_a_store(store, orders, expected, folder, options):
    done = run(orders, store.url(folder), *options)
    assert done.returncode == 0, done.stderr
    assert store.objects(folder) == expected


@pytest.mark.parametrize(
    "at", ["partNumber=2", pytest.param("partNumber=1", marks=LONGEST), pytest.param("uploadId=", marks=LONGEST)]
)
def test_a_run_that_is_killed_while_it_uploads_leaves_no_object(store, folder, tmp_path, at):
    line = '{"order_id": "%d", "backlog": 3, "route_disruption": 2, "weather_severity": 1, "note": "%s"}\n'
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders/large.jsonl").write_text("".join(line % (number, "x" * 100_000) for number in range(LARGE // 100_000)))
    bulk(tmp_path / "orders", tmp_path / "expected")
    store.faults = Faults(
        held=lambda method, path: "/large.jsonl?" in path and at in path and (method == "POST") == (at == "uploadId=")
    )
    command = [*COMMAND, str(tmp_path / "orders"), store.url(folder)]
    with subprocess.Popen(command, env=environment(**CREDENTIALS), stderr=subprocess.PIPE) as process:
        assert store.faults.holding.wait(60)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert set(store.objects(folder)) == {"_parts/_made_by.json"}
    store.faults = Faults()
    bulk(tmp_path / "orders", store.url(folder))
    assert store.objects(folder) == tree(tmp_path / "expected")


def test_a_run_that_is_terminated_while_it_uploads_leaves_no_partial_object(store, orders, expected, folder):
    store.faults = Faults(held=to("POST", "/day/b.csv.gz"))
    command = [*COMMAND, str(orders), store.url(folder)]
    with subprocess.Popen(command, env=environment(**CREDENTIALS), stderr=subprocess.PIPE) as process:
        assert store.faults.holding.wait(60)
        process.terminate()
        threading.Timer(0.5, store.faults.released.set).start()
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert store.objects(folder).items() <= expected.items()
