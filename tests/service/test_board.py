import os

import pytest

from service.board import Board


def test_an_empty_board_has_no_text():
    assert Board(100).read() is None


@pytest.mark.parametrize("texts", [[b""], [b"one"], [b"x" * 100], [b"a long one", b"short"], [b"one", b"", b"three", b"4"]])
def test_the_text_last_written_stands(texts):
    board = Board(100)
    for text in texts:
        board.write(text)
        assert board.read() == text


def test_a_text_written_by_a_process_that_is_gone_stands():
    board = Board(100)
    board.write(b"parent")
    child = os.fork()
    if child == 0:
        board.write(b"child")
        os._exit(0)
    os.waitpid(child, 0)
    assert board.read() == b"child"


def test_a_text_that_was_not_finished_takes_nothing_away():
    board = Board(100)
    board.write(b"whole")
    unused = 1 + (1 - board._memory[0]) * board._size
    board._memory[unused : unused + 20] = b"\xff" * 20
    assert board.read() == b"whole"


def test_what_is_no_whole_text_counts_as_none():
    board = Board(100)
    board.write(b"whole")
    first = 1 + board._memory[0] * board._size
    for place in range(first, first + 45):
        kept = board._memory[place]
        board._memory[place] = kept ^ 0x80
        assert board.read() is None
        board._memory[place] = kept
    assert board.read() == b"whole"
