import hashlib
import io
import itertools
import json

import numpy as np
import pytest
from hypothesis import given

from model.artifact import model_file
from model.core.network import Network
from model.errors import DigestMismatch, NotFinite, TooLarge
from tests.model_files import ARRAYS, GOOD, SECRET_TEXT, document, rejects
from tests.models import layer, model_of, models
from tests.unit.model.artifact.broken_models import array


def numbers(model):
    """Every array of a model, to the bit."""
    pairs = [(each.weights, each.bias) for each in model.network.layers]
    arrays = [model.standardizer.mean, model.standardizer.scale, *itertools.chain(*pairs)]
    return [(array.dtype, array.shape, array.tobytes()) for array in arrays]


@given(models())
def test_a_model_comes_back_as_it_was_written_and_written_again_gives_the_same_bytes(model):
    data = model_file.dumps(model)
    found = model_file.loads(data)
    assert (found.manifest, numbers(found)) == (model.manifest, numbers(model))
    assert model_file.dumps(found) == data


def test_a_model_of_999_layers_is_read_and_one_of_1000_is_rejected():
    data = model_file.dumps(model_of(Network([layer([[1.0]], [0.0])] * 999)))
    assert len(model_file.loads(data).network.layers) == 999
    with pytest.raises(TooLarge):
        model_file.loads(model_file.dumps(model_of(Network([layer([[1.0]], [0.0])] * 1000))))


def test_numpy_reads_the_file_without_pickle():
    with np.load(io.BytesIO(GOOD), allow_pickle=False) as bundle:
        assert bundle.files == [*ARRAYS]
        assert bundle["w2"].tolist() == [[0.9, 0.7, 0.6]]
        assert json.loads(bundle["manifest"].tobytes())["name"] == "delivery-risk"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_made_by_hand_is_read(save):
    self_test = {"orders": [[3]], "scores": [[0.5]]}
    described = document() | {"features": [{"name": "backlog"}], "activations": ["relu"], "self_test": self_test}
    del described["provenance"]
    arrays = {"b2": np.zeros(1), "w2": np.ones((1, 2)), "b1": np.zeros(2), "w1": np.ones((2, 1)), "scale": np.ones(1)}
    file = io.BytesIO()
    save(file, **arrays, mean=np.array([4.0]), manifest=np.frombuffer(json.dumps(described).encode(), np.uint8))
    model = model_file.loads(file.getvalue())
    assert model.manifest.activations == ("relu", "linear")
    assert model.outputs(np.array([[5.0]])).logits.tolist() == [[2.0]]


@pytest.mark.parametrize("name", ["mean", "scale"])
def test_a_number_that_is_not_finite_is_rejected_by_its_feature(name):
    with pytest.raises(NotFinite, match="route_disruption"):
        model_file.loads(array(name, [np.nan, 2.0, 2.0]))


@pytest.mark.parametrize("digest", [SECRET_TEXT, "", "0" * 64, hashlib.sha256(GOOD).hexdigest()[:-1]])
def test_a_file_with_another_digest_is_rejected(digest):
    with rejects(DigestMismatch, "file"):
        model_file.loads(GOOD, digest)
