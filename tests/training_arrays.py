"""Training arrays for tests."""

import io
import zipfile
from itertools import pairwise

import numpy as np

from model.importers.arrays import Label

LABEL = Label("made", "1", 0.25, "2026-01-01T00:00:00Z", "A made-up network.")
NAMES = ("backlog", "distance")


def arrays(*hidden, **changes):
    """Arrays for two features, these hidden layers and one output; None leaves one out."""
    sizes = [2, *hidden, 1]
    saved = {"feature_names": np.array(NAMES), "mean": np.array([4.0, 500.0]), "scale": np.array([2.0, 100.0])}
    for number, (inputs, units) in enumerate(pairwise(sizes), 1):
        weights = np.linspace(-1.0, 1.0, units * inputs).reshape(units, inputs)
        saved |= {f"w{number}": weights, f"b{number}": np.linspace(-0.5, 0.5, units)}
    return {name: array for name, array in (saved | changes).items() if array is not None}


def saved_bytes(saved):
    file = io.BytesIO()
    np.savez(file, **saved)
    return file.getvalue()


def with_file(data, name, content):
    """The archive with one more file in it."""
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as bundle:
        bundle.writestr(name, content)
    return file.getvalue()
