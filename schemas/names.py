"""Names in errors: the known name that an unknown one most likely means, and a list of names that is cut."""

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from schemas.faults import Fault

_CLOSE = 0.8
_MOST_COMPARED = 256
_MOST_HINTS = 20
_MOST_LISTED = 10
_UNIT = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")


class KnownNames:
    """Known names, to find those that unknown ones most likely mean."""

    def __init__(self, names: Sequence[str]) -> None:
        self._by_plain = {_plain(each): each for each in reversed(names)}

    def nearest(self, name: str, *also: str) -> str | None:
        """The first name that is the same when plain, or like one of `also`, or is spelt nearly the same; or None."""
        known, wanted = self._by_plain, _plain(name)
        close = difflib.get_close_matches(wanted, known, 1, _CLOSE) if len(known) <= _MOST_COMPARED else ()
        return next((known[each] for each in (wanted, *also, *close) if each in known), None)


Meant: TypeAlias = tuple[tuple[str, ...], str]
"""Known names, and an unknown one that may mean one of them."""


def with_hints(faults: Sequence[Fault], code: str, meant: Callable[[Fault], Meant | None]) -> list[Fault]:
    """The faults, the first of those of this code with the name that they may mean. `meant` gives the names of a fault."""
    found, known = list(faults), dict[tuple[str, ...], KnownNames]()
    unknown = ((at, meant(fault)) for at, fault in enumerate(found) if fault.code == code)
    # A hostile body may have any number of names.
    for at, (names, name) in islice(((at, each) for at, each in unknown if each is not None), _MOST_HINTS):
        if names not in known:
            known[names] = KnownNames(names)
        if near := known[names].nearest(name):
            found[at] = replace(found[at], hint=f"did you mean {near}?")
    return found


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more


def _plain(name: str) -> str:
    """The name without case, spaces and a unit in brackets."""
    return re.sub(r"[\s_-]+", " ", _UNIT.sub("", name.strip().casefold())).strip()
