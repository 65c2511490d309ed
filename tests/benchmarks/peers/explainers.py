"""captum and shap explain the orders of one network: `python -m tests.benchmarks.peers.explainers GIVEN FOUND ROUNDS`.

GIVEN is a .npz with the `zscores` of the orders, and the layers w1, b1, w2, …. FOUND becomes JSON with the `contributions` of
each method and its CPU `seconds` in each round. A method that does not run has an `error` too.
"""

import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import shap
import torch
from captum.attr import IntegratedGradients

from tests.benchmarks.attributions import logits

_WARM_UP = 2  # orders


def integrated_gradients(layers):
    modules = []
    for weights, bias in layers:
        linear = torch.nn.Linear(weights.shape[1], len(weights), dtype=torch.float64)
        linear.load_state_dict({"weight": torch.from_numpy(weights), "bias": torch.from_numpy(bias)})
        modules += [linear, torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules[:-1])
    explainer = IntegratedGradients(lambda x: network(x)[:, 0])
    return lambda x: explainer.attribute(torch.from_numpy(x)).detach().numpy()


def exact_shapley(layers):
    explainer = shap.explainers.Exact(partial(logits, layers), shap.maskers.Independent(_mean_order(layers)))
    return lambda x: explainer(x, silent=True).values


def sampled_shapley(layers):
    explainer = shap.explainers.Sampling(partial(logits, layers), _mean_order(layers))
    # As a call of the explainer does, but without its progress bar.
    return lambda x: explainer.shap_values(x, nsamples=2000, silent=True)


METHODS = {
    "captum.IntegratedGradients": integrated_gradients,
    "shap.ExactExplainer": exact_shapley,
    "shap.SamplingExplainer": sampled_shapley,
}


def _mean_order(layers):
    return np.zeros((1, layers[0][0].shape[1]))


def measured(explain, zscores, rounds):
    try:
        explain(zscores[:_WARM_UP])
    except ValueError as error:
        return {"contributions": [], "seconds": [], "error": str(error)}
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        contributions = explain(zscores)
        seconds.append(time.process_time() - began)
    return {"contributions": contributions.tolist(), "seconds": seconds}


def main(given, found, rounds):
    np.random.seed(0)  # shap draws from this generator
    arrays = np.load(given)
    layers = [(arrays[f"w{number}"], arrays[f"b{number}"]) for number in range(1, (len(arrays) + 1) // 2)]
    by_name = {name: measured(method(layers), arrays["zscores"], rounds) for name, method in METHODS.items()}
    Path(found).write_text(json.dumps(by_name))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
