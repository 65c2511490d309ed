"""What a run of bulk does over the results of an earlier one."""

import json
import os
import shutil
from dataclasses import replace

import pyarrow
import pytest

from model.artifact import model_file
from model.packaged import packaged_model
from tests.bulk_files import tree, write_orders
from tests.bulk_runs import bulk

FEW = ("a.parquet", "b.csv", "day/c.jsonl.gz")
ORDER = {"order_id": "one", "backlog": 1, "note": "", "route_disruption": 1, "weather_severity": 1}


@pytest.fixture
def orders(tmp_path):
    return write_orders(tmp_path / "orders", 40, FEW)


@pytest.fixture
def results(tmp_path, orders):
    """The results of these orders."""
    bulk(orders, tmp_path / "results")
    return tmp_path / "results"


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "_SUCCESS.json"}


def fresh(orders):
    """What a run leaves that finds nothing."""
    folder = orders.parent / "fresh"
    shutil.rmtree(folder, ignore_errors=True)
    bulk(orders, folder)
    return tree(folder)


def last_line_but(output, text):
    return next(line for line in output.splitlines() if text in line)


def test_an_unchanged_file_is_not_scored_again(orders, results):
    before = times(results)
    assert "0 scored, 3 already scored, 0 failed" in bulk(orders, results).stderr
    assert times(results) == before


@pytest.mark.parametrize("name", FEW)
def test_a_changed_file_alone_is_scored_again(orders, results, name):
    before = times(results)
    write_orders(orders, 41, (name,), seed=7)
    assert "1 scored, 2 already scored, 0 failed" in bulk(orders, results).stderr
    changed = {str(path.relative_to(results)) for path, time in times(results).items() if before.get(path) != time}
    assert changed >= {name, f"_parts/{name}.json"}
    assert all(name in path for path in changed)
    assert tree(results) == fresh(orders)


def test_a_file_of_the_same_size_and_time_with_other_content_is_scored_again(orders, results):
    path = orders / "b.csv"
    before = path.stat()
    text = path.read_text()
    path.write_text(text.replace("b.csv-0,", "b.csv-z,"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert "1 scored" in bulk(orders, results).stderr
    assert "b.csv-z," in (results / "b.csv").read_text()


@pytest.mark.parametrize("lost", ["b.csv", "a.parquet", "_rejects/a.parquet", "_parts/b.csv.json", "_SUCCESS.json"])
@pytest.mark.parametrize("how", ["deleted", "truncated"])
def test_what_was_deleted_or_truncated_is_written_again(orders, results, lost, how):
    before = tree(results)
    if how == "deleted":
        (results / lost).unlink()
    else:
        os.truncate(results / lost, 5)
    bulk(orders, results)
    assert tree(results) == before


def test_an_added_file_that_fails_leaves_no_success(orders, results):
    (orders / "z.parquet").write_bytes(b"no Parquet")
    done = bulk(orders, results, code=1)
    assert "z.parquet: " in done.stderr
    assert not (results / "_SUCCESS.json").exists()
    assert "not complete" in done.stderr
    (orders / "z.parquet").unlink()
    bulk(orders, results)
    assert tree(results) == fresh(orders)


def test_a_file_that_was_scored_and_cannot_be_any_more_is_not_complete(orders, results):
    size = (orders / "a.parquet").stat().st_size
    (orders / "a.parquet").write_bytes(bytes(size))
    bulk(orders, results, code=1)
    assert not (results / "_SUCCESS.json").exists()
    assert not (results / "_parts/a.parquet.json").exists()
    bulk(orders, results, code=1)
    assert not (results / "_SUCCESS.json").exists()


def test_success_is_removed_before_an_added_file_is_scored(orders, results, monkeypatch):
    write_orders(orders, 5, ("added.csv",))
    seen = []

    def scored(*given):
        seen.append((results / "_SUCCESS.json").exists())
        raise OSError("broken")

    monkeypatch.setattr("service.bulk.score_part.score_text", scored)
    bulk(orders, results, code=1)
    assert seen == [False]


def test_success_has_the_counts_of_all_parts(orders, results):
    success = json.loads((results / "_SUCCESS.json").read_text())
    parts = [json.loads((results / f"_parts/{name}.json").read_text()) for name in FEW]
    assert success["parts"] == 3
    assert success["counts"] == {name: sum(part["counts"][name] for part in parts) for name in ("rows", "review", "rejected")}
    assert success["counts"]["rows"] == 120


OTHERS = {
    "policy": lambda folder: ([], {"out_of_range": "flag"}),
    "reading": lambda folder: (["--id", "note"], {}),
    "model": lambda folder: (["--model", str(other_model(folder))], {}),
}
DIFFERS = {"policy": "out_of_range_policy", "reading": "reading", "model": "model_sha256"}


def other_model(folder):
    model, path = packaged_model(), folder / "other.npz"
    path.write_bytes(model_file.dumps(replace(model, manifest=replace(model.manifest, version="other", threshold=0.4))))
    return path


@pytest.mark.parametrize("other", OTHERS)
def test_results_of_another_kind_are_rejected_unless_forced(tmp_path, orders, results, other):
    options, variables = OTHERS[other](tmp_path)
    before = tree(results)
    done = bulk(orders, results, *options, code=2, **variables)
    message = done.stderr.splitlines()[-1]
    assert DIFFERS[other] in message
    assert str(results) in message
    assert "--force" in message
    assert tree(results) == before
    bulk(orders, results, *options, "--force", **variables)
    bulk(orders, tmp_path / "anew", *options, **variables)
    assert tree(results) == tree(tmp_path / "anew")
    bulk(orders, results, *options, **variables)


def test_a_folder_with_other_files_is_rejected_and_left_as_it_is(tmp_path, orders):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/letter.txt").write_text("dear")
    done = bulk(orders, tmp_path / "taken", "--force", code=2)
    assert f"{tmp_path / 'taken'}: has files that are not results of bulk; give another folder." in done.stderr
    assert tree(tmp_path / "taken") == {"letter.txt": b"dear"}


def test_a_folder_where_a_run_was_killed_before_it_claimed_it_is_taken(tmp_path, orders):
    (tmp_path / "begun/_drafts").mkdir(parents=True)
    (tmp_path / "begun/_drafts/draft.abc").write_text('{"model')
    bulk(orders, tmp_path / "begun")
    assert tree(tmp_path / "begun") == fresh(orders)


def test_a_folder_that_another_run_claims_meanwhile_is_taken(tmp_path, orders, results, monkeypatch):
    made_by = (results / "_parts/_made_by.json").read_bytes()
    from service.bulk.place import Place

    listed, other = Place.files, tmp_path / "other"

    def files(place, below=""):
        if place.root == str(other) and not other.exists():
            (other / "_parts").mkdir(parents=True)
            (other / "_parts/_made_by.json").write_bytes(made_by)
        return listed(place, below)

    monkeypatch.setattr(Place, "files", files)
    bulk(orders, other)
    assert tree(other) == tree(results)


LINKED = "a symbolic link"


@pytest.mark.parametrize(
    ("orders", "results"),
    [
        ("in", "in"),
        ("in", "in/out"),
        ("in/deep", "in"),
        ("in", "link"),
        ("link", "in/out"),
        ("link/deep", "in"),
        ("in/*.csv", "in"),
        ("in/*.csv", "in/."),
        ("in/**.csv", "in/out"),
        ("in/**/*.csv", "in/out"),
        ("in/*/*", "in/out"),
        ("in/*/x.csv", "in"),
        ("in/x.csv", "in"),
        ("link/x.csv", "in"),
        ("file://{}/in", "in"),
        ("in", "file://{}/in/out"),
        ("file://{}/link", "in/out"),
        ("in", "file://{}/link/out"),
    ],
)
def test_overlapping_folders_are_rejected(tmp_path, monkeypatch, orders, results):
    write_orders(tmp_path / "in", 3, ("x.csv", "deep/x.csv"))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    done = bulk(orders.format(tmp_path), results.format(tmp_path), code=2)
    assert "IN and OUT overlap; give a folder for results alone." in done.stderr
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("orders", "results"), [("in", "in-2"), ("in/*.csv", "in/out"), ("in/deep/*.csv", "in/out"), ("in/x.csv", "in/out")]
)
def test_folders_beside_each_other_do_not_overlap(tmp_path, monkeypatch, orders, results):
    write_orders(tmp_path / "in", 3, ("x.csv", "deep/x.csv"))
    monkeypatch.chdir(tmp_path)
    bulk(orders, results)
    bulk(orders, results)


def test_files_that_cannot_be_scored_are_named_and_the_others_are_scored(tmp_path, orders):
    (orders / "broken.parquet").write_bytes((orders / "a.parquet").read_bytes()[:-20])
    (orders / "empty.csv").write_bytes(b"")
    (orders / "lacks.csv").write_text("order_id,backlog\na,1\n")
    (orders / "letter.txt").write_text("dear")
    (orders / "torn.csv.gz").write_bytes(b"\x1f\x8b\x08\x00")
    (orders / "not-gzipped.csv.gz").write_text("order_id,backlog\na,1\n")
    done = bulk(orders, tmp_path / "results", code=1)
    named = {line.partition(": ")[0]: line for line in done.stderr.splitlines()}
    for name in ("broken.parquet", "empty.csv", "lacks.csv", "letter.txt", "torn.csv.gz", "not-gzipped.csv.gz"):
        assert name in named, done.stderr
        assert named[name].endswith(".")
        assert not (tmp_path / "results" / name).exists()
    assert "9 of 9 files: 3 scored, 0 already scored, 6 failed" in done.stderr
    assert "Traceback" not in done.stderr
    found = tree(tmp_path / "results")
    assert {"_SUCCESS.json", "_drafts/"}.isdisjoint(found)
    assert found.items() <= fresh(write_orders(tmp_path / "valid", 40, FEW)).items()


@pytest.mark.parametrize("name", ["a.parquet", "b.csv", "day/c.jsonl.gz"])
def test_a_file_that_changes_while_it_is_read_fails(tmp_path, orders, monkeypatch, name):
    from service.bulk import score_part

    scored = score_part._score

    def changed(source, part, *given):
        counts = scored(source, part, *given)
        if part == name:
            write_orders(orders, 39, (name,))
        return counts

    monkeypatch.setattr(score_part, "_score", changed)
    done = bulk(orders, tmp_path / "results", code=1)
    assert f"{name}: it changed while it was read" in done.stderr
    assert not (tmp_path / "results" / name).exists()
    monkeypatch.undo()
    bulk(orders, tmp_path / "results")
    assert tree(tmp_path / "results") == fresh(orders)


def test_files_that_would_be_in_folders_of_results_are_rejected(tmp_path, orders):
    write_orders(orders, 3, ("_rejects/a.csv",))
    bulk(orders, tmp_path / "results")
    done = bulk(f"{orders}/**.csv", tmp_path / "others", code=2)
    assert "_rejects is a folder of results; give a pattern that leaves it out." in done.stderr


def test_a_draft_of_a_living_process_is_left_and_that_of_an_ended_one_is_removed(tmp_path):
    from service.bulk import drafts

    with drafts.named(str(tmp_path / "_drafts")) as path:
        (tmp_path / "_drafts/draft.old").write_text("left")
        drafts.remove_left(str(tmp_path / "_drafts"))
        assert [str(tmp_path / "_drafts" / name) for name in os.listdir(tmp_path / "_drafts")] == [path]
    drafts.remove_left(str(tmp_path / "_drafts"))
    assert os.listdir(tmp_path) == []


def test_an_unnamed_draft_is_written_and_read_by_its_path():
    from service.bulk import drafts

    with drafts.unnamed() as path:
        with open(path, "wb") as file:
            file.write(b"text")
        with open(path, "rb") as file:
            assert file.read() == b"text"
        assert os.stat(path).st_nlink == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://", "s3://: names no bucket; give one, as in s3://bucket/orders."),
        ("foo://x/y", "foo://x/y: Unrecognized filesystem type in URI: foo://x/y."),
        ("s3://me:tattletale@b/x?region=eu-west-1&nonsense=1", "s3://b/x: Unexpected query parameter in S3 URI: 'nonsense'."),
    ],
)
def test_a_url_that_cannot_be_used_is_named_without_its_secrets(tmp_path, orders, url, message):
    for arguments in ((orders, url), (url, tmp_path / "results")):
        done = bulk(*arguments, code=2)
        assert done.stderr.splitlines()[-1] == f"Error: {message}"
        assert "tattletale" not in done.output


def test_an_error_of_a_library_ends_the_run_with_its_first_line(tmp_path, orders, monkeypatch):
    def broken(*_):
        raise pyarrow.ArrowException("Failed to get a token.\nSee elsewhere.")

    monkeypatch.setattr("service.bulk.place.Place.files", broken)
    error = bulk(orders, tmp_path / "results", code=2).stderr.splitlines()[-1]
    assert error == "Error: Failed to get a token; check the address, the credentials and the network, and run it again."
