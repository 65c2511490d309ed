"""Makes tests/data/exported, where torch, Keras and safetensors are installed: `python -m tests.exported_networks`.

Each folder has in `exported` what the printed script of a framework writes, run as a program, and some have the network as its
framework saves it. `versions.json` has the versions of all. CI imports the files, and installs neither torch nor Keras.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from model.importers import exporters

FOLDER = Path(__file__).parent / "data" / "exported"
KEPT = ("torch_logits", "keras_logits")
NAMES = ("backlog", "wind mph", "distance_km")


def orders() -> Any:
    """(n, 3) orders."""
    return np.random.default_rng(18).gamma(2.0, [9.0, 4.0, 300.0], (160, 3))


def export(framework: str, folder: Path, file: str, *options: str) -> None:
    """Run the printed script on the network in this file of the folder."""
    script = folder / "export.py"
    script.write_text(exporters.script(framework))
    x = orders()
    with open(folder / "training.csv", "w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["order_id", *NAMES])
        rows.writerows([f"A-{at}", *row] for at, row in enumerate(x.tolist()))
    command = [sys.executable, script.name, file, "training.csv", "--out", "exported", *options]
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / "exported" / "printed.txt").write_text(printed)
    for name in ("export.py", "training.csv", *([] if folder.name in KEPT else [file])):
        (folder / name).unlink()


def folder_of(name: str) -> Path:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    x = orders()
    np.savez(folder / "scaler.npz", mean=x.mean(axis=0), scale=x.std(axis=0))
    return folder


def torch_networks() -> None:
    import torch
    from safetensors.torch import save_file
    from torch import nn

    torch.manual_seed(18)
    x = orders()
    z = torch.tensor((x - x.mean(axis=0)) / x.std(axis=0), dtype=torch.float32)
    networks = {
        "torch_batch_norm": nn.Sequential(
            *(nn.BatchNorm1d(3), nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 5), nn.GELU()),
            *(nn.BatchNorm1d(5), nn.Linear(5, 2), nn.Softmax(dim=1)),
        ),
        "torch_nested": nn.Sequential(
            nn.Sequential(nn.Linear(3, 6, bias=False), nn.LeakyReLU(0.2)),
            *(
                nn.Linear(6, 4),
                nn.GELU("tanh"),
                nn.Linear(4, 4),
                nn.Sigmoid(),
                nn.Linear(4, 1),
                nn.BatchNorm1d(1),
                nn.Sigmoid(),
            ),
        ),
        "torch_logits": nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4), nn.Linear(4, 1)),
        "torch_two_logits": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
    }
    for name, network in networks.items():
        folder = folder_of(name)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
        for _ in range(4):
            network(z)
        torch.save(network.eval(), folder / "network.pt")
        export("torch", folder, "network.pt", "--scaler", "scaler.npz")
    folder = FOLDER / "torch_logits"
    save_file(networks["torch_logits"].state_dict(), folder / "network.safetensors")
    save_file({f"net.{k}": v.bfloat16() for k, v in networks["torch_logits"].state_dict().items()}, folder / "bf16.safetensors")
    torch.save(networks["torch_logits"].state_dict(), folder / "legacy.pth", _use_new_zipfile_serialization=False)


def keras_networks() -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    keras.utils.set_random_seed(18)
    x = orders()
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    late = x @ [0.05, 0.1, 0.001] > 1.7
    normalization = layers.Normalization()
    normalization.adapt(x)
    taken = keras.Input((3,))
    hidden = layers.Dense(6, activation="gelu")(taken)
    hidden = layers.Activation("leaky_relu")(layers.Dense(4)(hidden))
    hidden = layers.Dense(4, activation="tanh")(hidden)
    networks = {
        "keras_normalization": keras.Sequential(
            [
                *(keras.Input((3,)), normalization, layers.Dense(6, activation="relu"), layers.BatchNormalization()),
                *(layers.Dropout(0.2), layers.Dense(5, use_bias=False), layers.BatchNormalization()),
                *(layers.LeakyReLU(negative_slope=0.3), layers.Dense(1, activation="sigmoid")),
            ]
        ),
        "keras_functional": keras.Model(taken, layers.Softmax()(layers.Dense(2)(hidden))),
        "keras_logits": keras.Sequential(
            [keras.Input((3,)), layers.BatchNormalization(), layers.Dense(6), layers.ReLU(), layers.Dense(1)]
        ),
    }
    losses = ("binary_crossentropy", "sparse_categorical_crossentropy", keras.losses.BinaryCrossentropy(from_logits=True))
    for (name, network), loss in zip(networks.items(), losses, strict=True):
        folder = folder_of(name)
        network.compile("adam", loss)
        network.fit(x if name == "keras_normalization" else z, late, epochs=5, verbose=0)
        network.save(folder / "network.keras")
        export("keras", folder, "network.keras", *([] if name == "keras_normalization" else ["--scaler", "scaler.npz"]))
    networks["keras_logits"].save(FOLDER / "keras_logits" / "network.h5")


if __name__ == "__main__":
    torch_networks()
    keras_networks()
    packages = ("torch", "keras", "safetensors", "numpy")
    (FOLDER / "versions.json").write_text(json.dumps({name: version(name) for name in packages}, indent=1) + "\n")
