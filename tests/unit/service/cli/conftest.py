from pathlib import Path

import pytest

from model.artifact import model_file


@pytest.fixture
def explain(run):
    """Explain an order of a file of this text, by the packaged model or by another."""

    def explain(order_id, text, *more, model=None, name="orders.csv"):
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
        if model is not None:
            model_file.write(model, "made.npz")
            more = ("--model", "made.npz", *more)
        return run("explain", name, "--order", order_id, *more)

    return explain
