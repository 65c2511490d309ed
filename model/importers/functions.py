"""The activations and the head of an imported network: those in its file, or those that the user gives."""

from typing import Any

from model.errors import BadManifest, ShapeMismatch
from model.importers.training import Training

_NONE, _GRAPH = "identity", "the file has its own"


def of(activations: tuple[str, ...] | None, head: str | None, read: Training) -> dict[str, Any]:
    """The entries of a manifest for the activations of the hidden layers and the head, each None if it is not given.

    A head is added to a network that ends in sums. Raises BadManifest and ShapeMismatch.
    """
    if read.activations is None:
        hidden = sum(name.startswith("w") for name in read.arrays) - 1
        given = ("relu",) if activations is None else activations
        every = given * (hidden if len(given) == 1 else 1)
        if len(every) != max(hidden, 0):
            raise ShapeMismatch("manifest.activations", f"{len(every)} activations for {hidden} hidden layers")
        return {"activations": (*every, "linear"), "head": head or read.head or "sigmoid"}
    if activations is not None:
        raise BadManifest("activations", f"{_GRAPH} activations; leave these out")
    ends_in_sums = read.head == _NONE and read.activations[-1] == "linear"
    if head not in (None, read.head) and not ends_in_sums:
        raise BadManifest("head", f"{_GRAPH} head, {read.head}; leave this one out")
    return {"activations": read.activations, "head": head or read.head}
