"""Generated ids: what orders are called that come without an id, the numbers of their rows from 0.

Such an id is none by which an order is found again: another batch has the same ids.
"""

_known: list[str] = []


def generated_ids(count: int) -> list[str]:
    """The ids of so many orders."""
    global _known
    known = _known  # read once: another thread may set a shorter list
    if len(known) < count:
        known = _known = list(map(str, range(count)))
    return known[:count]
