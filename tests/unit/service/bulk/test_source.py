"""Which files a path or a pattern means, against Python's glob."""

import glob
import os
import random
from contextlib import suppress

import pytest

from service.bulk.errors import BulkError
from service.bulk.place import Place
from service.bulk.source import Source

STEPS = ("a", "b", "ab", "a.csv", "b.csv", "a]", "^a", "a-b", ".a.csv", "_b.csv", "é.csv", "a b", "x\\d", "[a]", "1")
TOKENS = (
    "a",
    "b",
    "*",
    "?",
    "*.csv",
    "[ab]",
    "[!a]",
    "[^a]",
    "[]a]*",
    "[!]a]",
    "[a-b]*",
    "[b-a]",
    "a*b",
    "[\\d]*",
    "x\\?",
    "[",
    "1[",
    ".*",
    "_*",
    "?[!.]*",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tree of 300 files with drawn names."""
    draw, root = random.Random(7), tmp_path_factory.mktemp("tree")
    for _ in range(300):
        path = root.joinpath(*(f"d{draw.choice(STEPS)}" for _ in range(draw.randrange(4))), draw.choice(STEPS))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return root


def found(url):
    source = Source(str(url))
    place = Place(source.url)
    with suppress(BulkError):
        return {os.path.normpath(f"{place.root}/{file.name}") for file in source.files(place)}
    return set()


def globbed(pattern):
    paths = glob.iglob(pattern, recursive=True, include_hidden=True)
    return {os.path.normpath(path) for path in paths if os.path.isfile(path)}


def drawn(seed):
    """A pattern of one to four steps, some of which are any number of folders."""
    draw = random.Random(seed)
    steps = [draw.choice(("**", "*", "d*", f"d{draw.choice(TOKENS)}")) for _ in range(draw.randrange(4))]
    return "/".join([*steps, draw.choice(TOKENS)])


@pytest.mark.parametrize("seed", range(400))
def test_a_pattern_means_the_files_that_glob_finds(folder, seed):
    pattern = f"{folder}/{drawn(seed)}"
    assert found(pattern) == globbed(pattern)


@pytest.mark.parametrize("pattern", ["**.csv", "d**.csv", "**", "da/**", "d?/**.csv"])
def test_two_stars_in_a_name_are_any_characters_of_any_number_of_folders(folder, pattern):
    first, _, last = pattern.rpartition("**")
    assert found(f"{folder}/{pattern}") == globbed(f"{folder}/{first}*{last}") | globbed(f"{folder}/{first}*/**/*{last}")


def test_two_stars_in_the_middle_of_a_name_stay_before_the_next_folder(tmp_path):
    for name in ("ab", "a/b", "ax/b", "a/y/b", "axb"):
        (tmp_path / name.partition("/")[0]).mkdir(exist_ok=True) if "/" in name else None
    (tmp_path / "a/y").mkdir()
    (tmp_path / "ax").mkdir(exist_ok=True)
    for name in ("ab", "a/b", "ax/b", "a/y/b", "axb"):
        (tmp_path / name).write_text("")
    assert found(f"{tmp_path}/a**/b") == {f"{tmp_path}/{name}" for name in ("a/b", "ax/b", "a/y/b")}


def test_a_folder_means_all_files_whose_steps_are_not_hidden(folder):
    visible = {
        path
        for path in globbed(f"{folder}/**")
        if not any(step.startswith(("_", ".")) for step in os.path.relpath(path, folder).split("/"))
    }
    assert found(folder) == found(f"{folder}/") == found(f"file://{folder}") == visible


def test_a_file_means_itself(folder, monkeypatch):
    path = next(iter(sorted(globbed(f"{folder}/*.csv"))))
    monkeypatch.chdir(folder)
    assert found(path) == found(os.path.relpath(path)) == found(f"./{os.path.relpath(path)}") == {path}


def test_a_folder_whose_name_is_a_pattern_means_itself(tmp_path):
    (tmp_path / "in[1]*").mkdir()
    (tmp_path / "in[1]*/a.csv").write_text("")
    assert found(tmp_path / "in[1]*") == {f"{tmp_path}/in[1]*/a.csv"}


def test_a_name_with_a_line_end_is_matched(tmp_path):
    (tmp_path / "a\nb.csv").write_text("")
    assert found(f"{tmp_path}/*.csv") == found(f"{tmp_path}/**") == found(f"{tmp_path}/a\nb.*") == {f"{tmp_path}/a\nb.csv"}


def test_a_question_mark_in_a_url_that_begins_no_options_is_named():
    with pytest.raises(
        BulkError, match=r"^s3://orders/day-\?: \? begins the options of a store; use \* or \[\.\.\.\] in a pattern$"
    ):
        Source("s3://orders/day-?.csv")
