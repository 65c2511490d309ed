"""What the exporters of torch and Keras wrote in their environments: see tests/exported_networks.py for how it was made."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest

from model.artifact import model_file
from tests.facts import DATA

EXPORTED = DATA / "exported"
LAYERS = {
    "torch_batch_norm": ((3, 6, 5, 1), "relu gelu linear", 1e-13),
    "torch_nested": ((3, 6, 4, 4, 1), "leaky_relu:0.2 gelu_tanh sigmoid linear", 1e-13),
    "torch_logits": ((3, 6, 4, 1), "tanh linear linear", 1e-13),
    "torch_two_logits": ((3, 4, 1), "relu linear", 1e-13),
    "keras_normalization": ((3, 6, 5, 1), "relu leaky_relu:0.3 linear", 1e-6),
    "keras_functional": ((3, 6, 4, 4, 1), "gelu leaky_relu:0.2 tanh linear", 1e-6),
    "keras_logits": ((3, 6, 1), "relu linear", 1e-6),
}


def test_all_of_them_are_tested_and_say_of_what_versions_they_are():
    assert {path.name for path in EXPORTED.iterdir() if path.is_dir()} == LAYERS.keys()
    assert json.loads((EXPORTED / "versions.json").read_text()).keys() == {"torch", "keras", "safetensors", "numpy"}


@pytest.mark.parametrize("name", LAYERS)
def test_the_printed_command_imports_a_network_with_the_scores_of_its_framework(run, tmp_path, name):
    sizes, activations, within = LAYERS[name]
    shutil.copytree(EXPORTED / name / "exported", tmp_path / "exported")
    (line,) = re.findall("^delivery-risk .*", (tmp_path / "exported" / "printed.txt").read_text(), re.MULTILINE)
    done = run(*shlex.split(line.replace("NAME", "exported").replace("FILE", "made.npz"))[1:])
    assert done.exit_code == 0, done.stderr
    model = model_file.read(tmp_path / "made.npz")
    assert (model.network.sizes, " ".join(model.manifest.activations)) == (sizes, activations)
    assert model.manifest.head == "sigmoid"
    provenance = model.manifest.provenance
    assert (provenance["checked_orders"], float(provenance["checked_difference"]) <= within) == ("100", True)


@pytest.mark.parametrize("name", [name for name in LAYERS if "normalization" not in name and "batch_norm" not in name])
def test_the_standardization_is_that_of_the_scaler(name):
    with np.load(EXPORTED / name / "exported" / "trained.npz") as arrays, np.load(EXPORTED / name / "scaler.npz") as scaler:
        for each in ("mean", "scale"):
            begins_with_batch_norm = name == "keras_logits"
            assert np.array_equal(arrays[each], scaler[each]) != begins_with_batch_norm
