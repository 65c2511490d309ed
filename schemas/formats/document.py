"""Document: the faults of the top of a JSON body, which its schema finds."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.faults import Fault


def repeated(value: Any, *path: str) -> Iterator[Fault]:
    """The names that an object at this path has more than once."""
    for name in getattr(value, "repeated", ()):
        yield Fault("duplicate_key", path=(*path, name))


def faults(messages: Mapping[str, Any], most: int, unwrapped: Mapping[tuple[str, ...], str]) -> Iterator[Fault]:
    """The faults in a schema's messages. `unwrapped` has a hint for a code and the path at which it occurs.

    `most` is how many rows a body may have.
    """
    for path, code in _codes(messages, ()):
        limit = most if code == "too_many_orders" else None
        yield Fault(code, path=path, limit=limit, hint=unwrapped.get((code, *path)))


def _codes(messages: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, found in messages.items():
        if isinstance(found, dict):
            yield from _codes(found, (*path, name))
        else:
            yield from ((path if code == "not_an_object" else (*path, name), code) for code in found)
