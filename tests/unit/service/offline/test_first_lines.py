"""The oracle is a dict of all ids."""

import random

import pytest

from service.offline import first_lines
from service.offline.first_lines import FirstLines


@pytest.mark.parametrize("recent", [1, 50, 10_000])
def test_each_id_has_the_line_on_which_it_was_first(monkeypatch, recent):
    monkeypatch.setattr(first_lines, "_RECENT", recent)
    dice, known, found = random.Random(recent), {}, FirstLines()
    line = 0
    for _ in range(60):
        ids = [f"{'é' * dice.randrange(3)}{dice.randrange(4000)}" for _ in range(dice.randrange(100))]
        lines = range(line, line + len(ids))
        line += len(ids)
        assert found.add(ids, lines) == [known.setdefault(each, at) for each, at in zip(ids, lines, strict=True)]


def test_ids_are_distinguished_by_all_bytes_of_their_digests(monkeypatch):
    monkeypatch.setattr(first_lines, "_RECENT", 1)
    digests = {bytes([1] * 15 + [last]): number for number, last in enumerate((0, 1, 255))} | {
        bytes(16): 3,
        bytes([1] + [0] * 15): 4,
    }
    monkeypatch.setattr(first_lines.hashlib, "blake2b", lambda text, **_: _Digest(text))
    found = FirstLines()
    for _ in range(2):
        for digest, line in digests.items():
            assert found.add([digest.decode("latin-1")], [line]) == [line]


class _Digest:
    def __init__(self, text):
        self.text = text

    def digest(self):
        return self.text.decode().encode("latin-1")


def test_a_lone_surrogate_is_an_id_like_any_other():
    found = FirstLines()
    assert found.add(["\ud800", "\ud800", "\ud801"], [1, 2, 3]) == [1, 1, 3]
