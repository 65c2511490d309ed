"""Exports a torch.nn.Sequential for `delivery-risk model import`. Run it in the environment that trained the network:

    python export.py network.pt orders.csv --scaler scaler.npz --out exported

network.pt is the complete module of torch.save(network, …). orders.csv has the training orders, for the ranges of the features.
scaler.npz has arrays `mean` and `scale` (scaler.json: lists), as the network takes (x - mean) / scale. In Python, call
export(network, names, orders, mean, scale, "exported"). It writes

    trained.npz        the network, its standardization, and 100 orders with their scores
    preparation.json   the inputs of an order, with their ranges
    orders.csv         the same 100 orders, with the scores of torch in the column expected_score

The scores are computed by torch in float64; it prints by how much those in the network's own type differ. BatchNorm1d is folded
into a Linear layer, Dropout is left out. It writes nothing where the service cannot compute the same.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from model.importers.exporters.chain import Chain, leaky_relu, options_of, read_orders, read_scaler, save_chain
from model.importers.exporters.files import CannotExport, run

LEFT_OUT = ("Identity", "Dropout", "AlphaDropout", "FeatureAlphaDropout")


def array(tensor: Any) -> Any:
    return tensor.detach().cpu().double().numpy()


def linear(layer: Any, chain: Chain, where: str) -> None:
    weights = array(layer.weight)
    chain.dense(weights, np.zeros(len(weights)) if layer.bias is None else array(layer.bias))


def batch_norm(layer: Any, chain: Chain, where: str) -> None:
    if layer.running_mean is None:
        raise CannotExport(f"{where}: has no running statistics, so an order's score depends on its batch; train it with them")
    chain.standardize(array(layer.running_mean), np.sqrt(array(layer.running_var) + layer.eps), where)
    if layer.weight is not None:
        chain.affine(array(layer.weight), array(layer.bias), where)


def softmax(layer: Any, chain: Chain, where: str) -> None:
    if layer.dim not in (1, -1):
        raise CannotExport(f"{where}: must be over the units; give it dim=1")
    chain.activation("softmax", where)


LAYERS: dict[str, Callable[[Any, Chain, str], None]] = {
    "Linear": linear,
    "BatchNorm1d": batch_norm,
    "ReLU": lambda layer, chain, where: chain.activation("relu", where),
    "LeakyReLU": lambda layer, chain, where: chain.activation(leaky_relu(layer.negative_slope, where), where),
    "Tanh": lambda layer, chain, where: chain.activation("tanh", where),
    "Sigmoid": lambda layer, chain, where: chain.activation("sigmoid", where),
    "GELU": lambda layer, chain, where: chain.activation("gelu_tanh" if layer.approximate == "tanh" else "gelu", where),
    "Softmax": softmax,
    **dict.fromkeys(LEFT_OUT, lambda layer, chain, where: None),
}


def read(module: Any, chain: Chain, where: str) -> None:
    """Add the layers of a module to the chain. Raises CannotExport."""
    kind = type(module)
    known = kind.__module__.startswith("torch.")
    if known and kind.__name__ == "Sequential":
        for name, child in module.named_children():
            read(child, chain, f"{where}.{name}" if where else name)
    elif known and kind.__name__ in LAYERS:
        LAYERS[kind.__name__](module, chain, f"{where or 'the network'} ({kind.__name__})")
    else:
        what = f"expected torch.nn.Sequential of {', '.join(LAYERS)}"
        advice = "" if known else "; export the Sequential in a module of your own: --part NAME"
        raise CannotExport(f"{where or 'the network'} ({kind.__name__}): cannot be exported; {what}{advice}")


def export(network: Any, names: Sequence[str], orders: Any, mean: Any, scale: Any, out: str) -> None:
    """Write the files of a network that takes (orders - mean) / scale into the folder `out`.

    `names` (F,) are those of the columns of `orders` (n, F). The score is the sigmoid of one output, or the second of two
    classes. Raises CannotExport.
    """
    import torch

    chain = Chain(mean, scale)
    read(network, chain, "")
    last = chain.activations[-1] if chain.activations else None
    chain.end()

    def score(x: Any, module: Any) -> Any:
        parameter = next(module.parameters())
        z = torch.tensor((x - np.asarray(mean)) / np.asarray(scale), dtype=parameter.dtype, device=parameter.device)
        with torch.no_grad():
            outputs = module(z)
        if last not in ("sigmoid", "softmax"):
            outputs = torch.sigmoid(outputs) if outputs.shape[1] == 1 else torch.softmax(outputs, 1)
        return array(outputs)

    own = copy.deepcopy(network).eval()
    double = copy.deepcopy(own).double()
    save_chain(chain, names, orders, lambda x: score(x, double), out)
    sampled = np.asarray(orders, np.float64)[:1000]
    difference = np.abs(score(sampled, own)[:, -1] - score(sampled, double)[:, -1]).max()
    print(f"scores of {next(own.parameters()).dtype} differ by up to {difference:.1e} from these")


def main() -> None:
    options = options_of(
        "Export a torch.nn.Sequential for `delivery-risk model import`.", "the complete module, saved by torch.save(network, …)"
    )
    options.add_argument("--part", default="", help="the Sequential in a module of your own, such as net")
    given = options.parse_args()

    import torch

    network = torch.load(given.network, map_location="cpu", weights_only=False)
    if isinstance(network, dict):
        raise CannotExport(f"{given.network}: is a state dict, without activations; load it into the network and save that")
    names, orders = read_orders(given.orders, given.columns)
    export(network.get_submodule(given.part), names, orders, *read_scaler(given.scaler, len(names)), given.out)


if __name__ == "__main__":
    run(main)
