"""Layers of torch and Keras that the exporters name, with stand-ins of their classes: CI installs neither framework."""

from types import SimpleNamespace

import numpy as np
import pytest

from model.importers.exporters import keras, torch
from model.importers.exporters.chain import Chain
from model.importers.exporters.files import CannotExport


def layer(module, kind, **attributes):
    """An object of a class of this name in this module."""
    return type(kind, (SimpleNamespace,), {"__module__": module})(**attributes)


def of_torch(kind, **attributes):
    return layer("torch.nn.modules", kind, **attributes)


def of_keras(kind, **attributes):
    return layer("keras.src.layers", kind, name=kind.lower(), **attributes)


def sequential(*children):
    return of_torch("Sequential", named_children=lambda: [(str(at), child) for at, child in enumerate(children)])


def chain():
    """A chain that a layer of two units begins."""
    begun = Chain([0.0, 0.0], [1.0, 1.0])
    begun.dense(np.ones((2, 2)), np.zeros(2))
    return begun


TORCH = {
    "an activation that is not known": (
        of_torch("SiLU"),
        "0 (SiLU): cannot be exported; expected torch.nn.Sequential of Linear, ",
    ),
    "a layer of convolution": (of_torch("Conv1d"), "0 (Conv1d): cannot be exported; "),
    "a batch norm of its batch": (
        of_torch("BatchNorm1d", running_mean=None),
        "0 (BatchNorm1d): has no running statistics, so an order's score depends on its batch",
    ),
    "a softmax over the orders": (of_torch("Softmax", dim=0), "0 (Softmax): must be over the units; give it dim=1"),
    "a steep slope": (of_torch("LeakyReLU", negative_slope=2.0), "0 (LeakyReLU): the slope must be from 0 to 1"),
}


@pytest.mark.parametrize(("child", "reason"), TORCH.values(), ids=TORCH)
def test_a_layer_of_torch_that_the_service_does_not_have_is_named_with_its_place(child, reason):
    for network, where in ((sequential(child), ""), (sequential(sequential(child)), "0.")):
        with pytest.raises(CannotExport) as raised:
            torch.read(network, chain(), "")
        assert str(raised.value).startswith(where + reason)


def test_a_module_of_the_users_own_is_named_with_what_to_pass():
    with pytest.raises(CannotExport) as raised:
        torch.read(layer("__main__", "Net"), chain(), "")
    assert str(raised.value).startswith("the network (Net): cannot be exported; ")
    assert str(raised.value).endswith("; export the Sequential in a module of your own: --part NAME")


@pytest.mark.parametrize("name", torch.LEFT_OUT)
def test_layers_of_torch_that_do_nothing_after_training_are_left_out(name):
    found = chain()
    torch.read(sequential(of_torch(name), of_torch("ReLU"), of_torch(name)), found, "")
    assert found.activations == ["relu"]


ACTIVATIONS = {
    "relu": of_torch("ReLU"),
    "tanh": of_torch("Tanh"),
    "sigmoid": of_torch("Sigmoid"),
    "softmax": of_torch("Softmax", dim=-1),
    "gelu": of_torch("GELU", approximate="none"),
    "gelu_tanh": of_torch("GELU", approximate="tanh"),
    "leaky_relu:0.2": of_torch("LeakyReLU", negative_slope=0.2),
}


@pytest.mark.parametrize(("name", "child"), ACTIVATIONS.items(), ids=ACTIVATIONS)
def test_an_activation_of_torch_has_its_name_in_the_service(name, child):
    found = chain()
    torch.read(sequential(child), found, "")
    assert found.activations == [name]


def swish(x):
    return x


KERAS = {
    "an activation that is not known": (
        of_keras("Activation", activation=swish),
        "activation (Activation): its activation is none of",
    ),
    "a recurrent layer": (
        of_keras("LSTM"),
        "lstm (LSTM): cannot be exported; expected a Sequential or functional chain of Dense, ",
    ),
    "a relu with a maximum": (
        of_keras("ReLU", max_value=6.0, threshold=0.0, negative_slope=0.0),
        "relu (ReLU): has a max_value or a threshold; train it without",
    ),
    "an inverted normalization": (of_keras("Normalization", invert=True), "normalization (Normalization): is inverted"),
}


@pytest.mark.parametrize(("child", "reason"), KERAS.values(), ids=KERAS)
def test_a_layer_of_keras_that_the_service_does_not_have_is_named(child, reason):
    with pytest.raises(CannotExport) as raised:
        keras.read(of_keras("Sequential", layers=[child]), chain(), "")
    assert str(raised.value).startswith(reason)


def test_a_functional_model_that_is_no_chain_is_named_by_the_layer_that_takes_another_one():
    first = of_keras("InputLayer", output="a", input="a")
    layers = [first, of_keras("Dropout", input="a", output="b"), of_keras("Dropout", input="a", output="c")]
    with pytest.raises(CannotExport) as raised:
        keras.read(of_keras("Functional", layers=layers), chain(), "")
    assert str(raised.value) == "dropout (Dropout): does not take the layer before it alone; build one chain"


@pytest.mark.parametrize(
    ("child", "name"),
    [
        (of_keras("LeakyReLU", negative_slope=0.3), "leaky_relu:0.3"),
        (of_keras("LeakyReLU", alpha=np.float64(0.3)), "leaky_relu:0.3"),
        (of_keras("ReLU", max_value=None, threshold=0.0, negative_slope=0.0), "relu"),
        (of_keras("ReLU", max_value=None, threshold=0.0, negative_slope=0.25), "leaky_relu:0.25"),
        (of_keras("Activation", activation=of_keras("LeakyReLU", negative_slope=0.5)), "leaky_relu:0.5"),
    ],
)
def test_an_activation_of_keras_has_its_name_in_the_service(child, name):
    found = chain()
    keras.read(of_keras("Sequential", layers=[child]), found, "")
    assert found.activations == [name]
