"""What turns a network's logits into its outputs, by name. Arrays are (outputs, orders), as in activations."""

from collections.abc import Callable

from model.core.activations import linear, sigmoid, softmax
from model.core.batch import Floats

HEADS: dict[str, Callable[[Floats], Floats]] = {"sigmoid": sigmoid, "softmax": softmax, "identity": linear}
