"""Account: the words in which people read why one order is in its queue, and what would change that."""

from model.core.changes import Change
from model.core.manifest import Value

MISSING, NO_VALUE = "missing", "none of its values"


def why(score: float, threshold: float, queue: str) -> str:
    """Why an order with this score, that took part in no selection, is in this queue."""
    reaches = score >= threshold
    text = f"the score {'reaches' if reaches else 'is below'} the threshold"
    return f"{text}, but an input is out of range" if queue == "review" and not reaches else text


def unrounded(value: Value) -> str:
    """A value of an order or a number, of which every digit is shown."""
    if isinstance(value, str):
        return value
    return MISSING if value is None else repr(float(value)).removesuffix(".0")


def changed(value: Value, found: Change) -> str:
    """What an input with this value must become so that the score is on the other side of the threshold, as was `found`."""
    if isinstance(found, list):
        return ", ".join(found) or NO_VALUE
    if found is not None:
        return unrounded(found)
    return "no value in its range" if value is not None else "not known for a value that is missing"
