"""Exports a chain of Keras layers for `delivery-risk model import`. Run it in the environment that trained the network:

    python export.py network.keras orders.csv --scaler scaler.npz --out exported

orders.csv has the training orders, for the ranges of the features. scaler.npz has arrays `mean` and `scale` (scaler.json:
lists), as the network takes (x - mean) / scale; it is not needed where a Normalization layer does that. In Python, call
export(network, names, orders, mean, scale, "exported"). It writes

    trained.npz        the network, its standardization, and 100 orders with their scores
    preparation.json   the inputs of an order, with their ranges
    orders.csv         the same 100 orders, with the scores of Keras in the column expected_score

Keras computes the scores in float32, so the import allows for a difference of 1e-5. Normalization and BatchNormalization are
folded into other layers, Dropout is left out. It writes nothing where the service cannot compute the same.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from model.importers.exporters.chain import Chain, leaky_relu, options_of, read_orders, read_scaler, save_chain
from model.importers.exporters.files import CannotExport, run

NAMES = ("relu", "tanh", "sigmoid", "softmax")
LEFT_OUT = ("InputLayer", "Dropout", "GaussianDropout", "AlphaDropout", "GaussianNoise", "ActivityRegularization")


def activate(function: Any, chain: Chain, where: str) -> None:
    """Add an activation, which is a function or a layer of Keras."""
    name = getattr(function, "__name__", "")
    if type(function).__name__ in LAYERS:
        read(function, chain, where)
    elif name == "leaky_relu":
        chain.activation(leaky_relu(0.2, where), where)
    elif name == "gelu":
        chain.activation("gelu", where)
    elif name in NAMES:
        chain.activation(name, where)
    elif name != "linear":
        raise CannotExport(f"{where}: its activation is none of linear, {', '.join(NAMES)}, gelu, leaky_relu")


def dense(layer: Any, chain: Chain, where: str) -> None:
    weights, *bias = layer.get_weights()
    chain.dense(weights.T, bias[0] if bias else np.zeros(weights.shape[1]))
    activate(layer.activation, chain, where)


def normalization(layer: Any, chain: Chain, where: str) -> None:
    if getattr(layer, "invert", False):
        raise CannotExport(f"{where}: is inverted; leave it out")
    mean, variance = (np.asarray(each, np.float64).ravel() for each in (layer.mean, layer.variance))
    width = len(chain.biases[-1] if chain.biases else chain.mean)
    scale = np.maximum(np.sqrt(variance), 1e-7)  # the epsilon of Keras
    chain.standardize(np.broadcast_to(mean, width), np.broadcast_to(scale, width), where)


def batch_normalization(layer: Any, chain: Chain, where: str) -> None:
    given = iter(np.asarray(each, np.float64) for each in layer.get_weights())
    factor = next(given) if layer.scale else 1.0
    shift = next(given) if layer.center else 0.0
    mean, variance = given
    chain.standardize(mean, np.sqrt(variance + layer.epsilon), where)
    chain.affine(np.broadcast_to(factor, len(mean)), np.broadcast_to(shift, len(mean)), where)


def relu(layer: Any, chain: Chain, where: str) -> None:
    if layer.max_value is not None or layer.threshold:
        raise CannotExport(f"{where}: has a max_value or a threshold; train it without")
    chain.activation(leaky_relu(layer.negative_slope, where) if layer.negative_slope else "relu", where)


def leaky(layer: Any, chain: Chain, where: str) -> None:
    slope = layer.negative_slope if hasattr(layer, "negative_slope") else layer.alpha  # alpha in Keras 2
    chain.activation(leaky_relu(slope, where), where)


LAYERS: dict[str, Callable[[Any, Chain, str], None]] = {
    "Dense": dense,
    "Normalization": normalization,
    "BatchNormalization": batch_normalization,
    "Activation": lambda layer, chain, where: activate(layer.activation, chain, where),
    "ReLU": relu,
    "LeakyReLU": leaky,
    "Softmax": lambda layer, chain, where: chain.activation("softmax", where),
    **dict.fromkeys(LEFT_OUT, lambda layer, chain, where: None),
}


def read(layer: Any, chain: Chain, where: str) -> None:
    """Add a layer, or those of a model, to the chain. Raises CannotExport."""
    kind = type(layer)
    known = kind.__module__.partition(".")[0] in ("keras", "tf_keras")
    if known and kind.__name__ in ("Sequential", "Functional"):
        for before, each in zip([None, *layer.layers], layer.layers, strict=False):
            name = f"{where}{each.name}"
            if kind.__name__ == "Functional" and before is not None and each.input is not before.output:
                raise CannotExport(f"{name} ({type(each).__name__}): does not take the layer before it alone; build one chain")
            read(each, chain, f"{name}.")
    elif known and kind.__name__ in LAYERS:
        LAYERS[kind.__name__](layer, chain, f"{where.removesuffix('.')} ({kind.__name__})")
    else:
        what = f"expected a Sequential or functional chain of {', '.join(LAYERS)}"
        raise CannotExport(f"{where.removesuffix('.') or 'the network'} ({kind.__name__}): cannot be exported; {what}")


def export(network: Any, names: Sequence[str], orders: Any, mean: Any, scale: Any, out: str) -> None:
    """Write the files of a network that takes (orders - mean) / scale into the folder `out`.

    `names` (F,) are those of the columns of `orders` (n, F). The score is the sigmoid of one output, or the second of two
    classes. Raises CannotExport.
    """
    chain = Chain(mean, scale)
    read(network, chain, "")
    last = chain.activations[-1] if chain.activations else None
    chain.end()

    def score(x: Any) -> Any:
        outputs = np.asarray(network.predict((x - np.asarray(mean)) / np.asarray(scale), verbose=0), np.float64)
        if last in ("sigmoid", "softmax"):
            return outputs
        logits = outputs[:, -1:] - (outputs[:, :1] if outputs.shape[1] == 2 else 0.0)
        return 1.0 / (1.0 + np.exp(-logits))

    save_chain(chain, names, orders, score, out, tolerance=1e-5)


def main() -> None:
    given = options_of(
        "Export a chain of Keras layers for `delivery-risk model import`.", "the model, saved by network.save(…)"
    ).parse_args()

    import keras

    network = keras.models.load_model(given.network, compile=False)
    names, orders = read_orders(given.orders, given.columns)
    export(network, names, orders, *read_scaler(given.scaler, len(names)), given.out)


if __name__ == "__main__":
    run(main)
