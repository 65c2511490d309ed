"""Faults planted in files, so that a test sees whether its check turns red."""

from pathlib import Path


def plant(file: Path, old: str, new: str) -> None:
    """Exchange a text of the file, which must be there, for another."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
