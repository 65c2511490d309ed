"""Finding: what a check of the doctor reports, and what it checks."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

from service.config import Settings


class Finding(NamedTuple):
    """What was `found` and, unless the verdict is ok, the `advice`. Only FAIL makes the exit code 1."""

    verdict: Literal["ok", "warn", "FAIL"]
    found: str
    advice: str = ""


class Installation(NamedTuple):
    """What is checked: an environment, and its settings, with the default in place of each that is invalid."""

    environ: Mapping[str, str]
    settings: Settings


Check: TypeAlias = Callable[[Installation], Iterable[Finding]]

ok, warn, fail = partial(Finding, "ok"), partial(Finding, "warn"), partial(Finding, "FAIL")
