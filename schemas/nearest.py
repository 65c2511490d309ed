"""The known name that an unknown one most likely means."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from schemas.faults import Fault

_CLOSE = 0.8
_MOST_COMPARED = 256
_MOST_HINTS = 20
_UNIT = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")


def plain(name: str) -> str:
    """The name without case, spaces and a unit in brackets."""
    return re.sub(r"[\s_-]+", " ", _UNIT.sub("", name.strip().casefold())).strip()


def nearest(name: str, known: Sequence[str], *also: str) -> str | None:
    """The first known name that is the same when plain, or like one of `also`, or is spelt nearly the same; or None."""
    by_plain = {plain(each): each for each in reversed(known)}
    wanted = plain(name)
    close = difflib.get_close_matches(wanted, by_plain, 1, _CLOSE) if len(by_plain) <= _MOST_COMPARED else ()
    return next((by_plain[each] for each in (wanted, *also, *close) if each in by_plain), None)


def with_hints(faults: Iterable[Fault], known: Sequence[str], name_of: Callable[[Fault], str | None]) -> list[Fault]:
    """The faults, the first of the unknown names with the name that they may mean. `name_of` gives the name of a fault."""
    found, compared = list(faults), 0
    for at, fault in enumerate(found):
        name = name_of(fault) if fault.code == "unknown_name" else None
        if name is not None and compared < _MOST_HINTS:  # a hostile body may have any number of names
            compared += 1
            near = nearest(name, known)
            found[at] = fault if near is None else replace(fault, hint=f"did you mean {near}?")
    return found
