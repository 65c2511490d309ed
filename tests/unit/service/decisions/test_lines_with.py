"""The lines of a file that contain a text: those that Python's splitting finds, at any size of the blocks that are read."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decisions import reading
from service.decisions.pace import OutOfTime
from service.decisions.reading import Line, NoLog, lines_with

CONTENTS = st.lists(st.sampled_from([b"a", b"b", b"ab", b"\n", b"ba" * 9, b"\n\n"]), max_size=30).map(b"".join)


@given(content=CONTENTS, text=st.sampled_from([b"a", b"ab", b"bab"]), block=st.integers(1, 12), packed=st.booleans())
def test_each_line_with_the_text_is_found_once_with_its_number(tmp_path_factory, content, text, block, packed):
    path = tmp_path_factory.mktemp("log") / ("log.jsonl.gz" if packed else "log.jsonl")
    path.write_bytes(gzip.compress(content) if packed else content)
    *complete, last = content.split(b"\n")
    expected = [Line(path, number, line) for number, line in enumerate(complete, 1) if text in line]
    expected += [Line(path, len(complete) + 1, last, torn=True)] if text in last else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_BLOCK", block)
        assert [*lines_with(path, text)] == expected


@pytest.mark.parametrize("packed", [False, True])
def test_a_search_ends_within_a_file_with_what_it_has_found(tmp_path, packed):
    path = tmp_path / ("log.jsonl.gz" if packed else "log.jsonl")
    content = b'{"wanted"}\n' + 2**20 * b"no\n"
    path.write_bytes(gzip.compress(content) if packed else content)
    calls, found = [], []

    def pace():
        calls.append(None)
        if len(calls) > 3:
            raise OutOfTime

    with pytest.raises(OutOfTime):
        found.extend(lines_with(path, b"wanted", pace))
    assert [line.number for line in found] == [1]
    assert len(calls) == 4


def test_time_ends_between_lines_of_one_block_too(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(10 * b"wanted\n")
    calls = []

    def pace():
        calls.append(None)
        if len(calls) > 4:
            raise OutOfTime

    found = lines_with(path, b"wanted", pace)
    assert [next(found).number for _ in range(4)] == [1, 2, 3, 4]
    with pytest.raises(OutOfTime):
        next(found)


def test_a_file_that_is_damaged_is_an_error_after_the_lines_before_the_damage(tmp_path):
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(b"wanted\n" * 3)[:-6])
    with pytest.raises(NoLog, match="damaged"):
        [*lines_with(path, b"wanted")]
