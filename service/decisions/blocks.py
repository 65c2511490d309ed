"""Blocks: the complete lines of log files, in portions that one process works on."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from service.decisions.reading import Line, NoLog, lines

BLOCK_BYTES = 2**20
"""A block ends with the line that reaches this size."""


class Block(NamedTuple):
    """Some complete lines of a file, the text of each and its number."""

    path: Path
    texts: list[bytes]
    numbers: list[int]

    @property
    def size(self) -> int:
        """Its bytes in the file, uncompressed."""
        return sum(map(len, self.texts)) + len(self.texts)

    def line(self, number: int) -> str:
        """What names a line of it."""
        return str(Line(self.path, number, b""))


Item: TypeAlias = Block | Line | NoLog
"""A block, a torn last line, or why the rest of a file cannot be read."""


def blocks(files: Iterable[Path]) -> Iterator[Item]:
    """What is in these files, one after the other."""
    for path in files:
        block, size = Block(path, [], []), 0
        try:
            for line in lines(path):
                if line.torn:
                    if block.texts:
                        yield block
                    yield line
                    block = Block(path, [], [])
                    continue
                block.texts.append(line.text)
                block.numbers.append(line.number)
                size += len(line.text)
                if size >= BLOCK_BYTES:
                    yield block
                    block, size = Block(path, [], []), 0
        except NoLog as error:
            if block.texts:
                yield block
            yield error
            continue
        if block.texts:
            yield block
