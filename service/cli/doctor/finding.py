"""Finding: what a check of the doctor has to say, in one line, and of what it says it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from service.config import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` is how things are; where that is not well, `advice` is what to do. Only FAIL makes the doctor's exit code 1."""

    verdict: Literal["ok", "warn", "FAIL"]
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """An installation: its environment, and the settings in it, the default in place of each that cannot be used."""

    environ: Mapping[str, str]
    settings: Settings


Check: TypeAlias = Callable[[Patient], Iterator[Finding]]


def ok(found: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", found)


def warn(found: str, advice: str) -> Finding:
    """The service runs, but perhaps not as it is meant to."""
    return Finding("warn", found, advice)


def fail(found: str, advice: str) -> Finding:
    """The service does not run as it should."""
    return Finding("FAIL", found, advice)
