"""Files of safetensors: the library of that name writes them here, and is the oracle of what may be accepted."""

import json
import random
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
import safetensors
from safetensors.numpy import save

from model.errors import MissingMember, ModelError, Unreadable
from model.importers import safetensors_file
from model.importers.arrays import training_arrays
from model.importers.safetensors_file import HEADER_LIMIT, load
from tests.facts import DATA
from tests.model_files import SECRET_TEXT, rejects
from tests.training_arrays import LABEL, NAMES, arrays, saved_bytes

EXPORTED = DATA / "exported" / "torch_logits"
PLAIN = arrays(3, 4)
LINEAR = {f"{2 * at}.{kind}": PLAIN[f"{kind[0]}{at + 1}"] for at in range(3) for kind in ("weight", "bias")}
STANDARD = {name: PLAIN[name] for name in ("mean", "scale")}


@pytest.fixture
def model_of(tmp_path):
    """Import these tensors, or bytes in their place, with a scaler."""
    (tmp_path / "scaler.npz").write_bytes(saved_bytes(STANDARD))

    def model_of(tensors, name="network.safetensors", features=NAMES):
        path = tmp_path / name
        path.write_bytes(tensors if isinstance(tensors, bytes) else save(tensors))
        label = LABEL.__class__(**{each: getattr(LABEL, each) for each in LABEL.__slots__} | {"features": features})
        return training_arrays(path, label, scaler=tmp_path / "scaler.npz")

    return model_of


RENAMED = {
    "as in torch.nn.Sequential": lambda name: name,
    "in a module of it": lambda name: f"net.{name}",
    "numbered over ten": lambda name: f"{int(name[0]) + 8}.{name[2:]}",
    "numbered behind a word": lambda name: f"fc{name}",
    "numbered before a word": lambda name: f"layers.{name[0]}.linear.{name[2:]}",
}


@pytest.mark.parametrize("rename", RENAMED.values(), ids=RENAMED)
@pytest.mark.parametrize("name", ["network.safetensors", "network.bin"])
def test_numbered_layers_are_those_of_the_same_arrays_in_an_npz(model_of, imported, rename, name):
    found = model_of({rename(each): array for each, array in LINEAR.items()}, name)
    expected = imported(PLAIN)
    assert found.manifest.input_names == NAMES
    for one, other in zip(found.network.layers, expected.network.layers, strict=True):
        assert (one.weights.tobytes(), one.bias.tobytes(), one.activation) == (
            other.weights.tobytes(),
            other.bias.tobytes(),
            other.activation,
        )
    assert (found.standardizer.mean.tobytes(), found.standardizer.scale.tobytes()) == (
        PLAIN["mean"].tobytes(),
        PLAIN["scale"].tobytes(),
    )


def test_a_layer_without_a_bias_has_zeros(model_of):
    found = model_of({name: array for name, array in LINEAR.items() if name != "2.bias"})
    assert not found.network.layers[1].bias.any()


@pytest.mark.parametrize(("file", "within"), [("network.safetensors", 1e-6), ("bf16.safetensors", 0.02)])
def test_a_network_of_torch_gets_the_scores_of_its_exported_arrays(run, file, within):
    options = [
        "--scaler",
        EXPORTED / "scaler.npz",
        "--features",
        "backlog,wind_mph,distance_km",
        "--activations",
        "tanh,linear",
    ]
    check = ["--check", EXPORTED / "exported" / "orders.csv", "--expect", "expected_score", "--tolerance", within]
    named = ["--name", "a", "--version", "1", "--threshold", "0.5", "--out", "made.npz"]
    done = run("model", "import", EXPORTED / file, *options, *check, *named)
    assert done.exit_code == 0, done.stderr
    assert "compared with the scores of its training script: 100 orders" in done.stdout


def written(header, data=b"", length=None):
    """A file with this header, JSON or bytes, and these bytes of tensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(shape=(1, 2), dtype="F64", begin=0, end=16, **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]} | more


ONE = {"0.weight": tensor()}
BROKEN = {
    "an empty file": b"",
    "a length alone": bytes(8),
    "a header longer than the file": written(ONE, bytes(16), 2**63),
    "a header over its limit": written(b"{" + b" " * HEADER_LIMIT + b"}"),
    "a header that is no object": written([ONE], bytes(16)),
    "no UTF-8": written(b'{"\xff": 1}', bytes(16)),
    "NaN": written(b'{"0.weight": {"dtype": "F64", "shape": [NaN, 2], "data_offsets": [0, 16]}}', bytes(16)),
    "a name given twice": written(json.dumps(ONE)[:-1].encode() + b", " + json.dumps(ONE)[1:].encode(), bytes(16)),
    "brackets": written(b'{"a":' + b"[" * 100_000, bytes(16)),
    "an unknown entry": written({"0.weight": tensor(secret=SECRET_TEXT)}, bytes(16)),
    "a missing entry": written({"0.weight": {"dtype": "F64", "shape": [1, 2]}}, bytes(16)),
    "metadata that is no object": written(ONE | {"__metadata__": [SECRET_TEXT]}, bytes(16)),
    "metadata that is no text": written(ONE | {"__metadata__": {"a": 3}}, bytes(16)),
    "integers": written({"0.weight": tensor(dtype="I64")}, bytes(16)),
    "an unknown type": written({"0.weight": tensor(dtype="F99")}, bytes(16)),
    "a shape that is true": written({"0.weight": tensor([True, 2])}, bytes(16)),
    "a negative shape": written({"0.weight": tensor([-1, -2])}, bytes(16)),
    "a shape of a thousand dimensions": written({"0.weight": tensor([2**48] * 1000)}, bytes(16)),
    "a shape larger than its bytes": written({"0.weight": tensor([2, 2])}, bytes(16)),
    "a huge shape": written({"0.weight": tensor([2**40, 2**40])}, bytes(16)),
    "offsets behind the file": written({"0.weight": tensor(end=16)}, bytes(8)),
    "offsets that are turned round": written({"0.weight": tensor(begin=16, end=0)}, bytes(16)),
    "one offset": written({"0.weight": {"dtype": "F64", "shape": [1, 2], "data_offsets": [0]}}, bytes(16)),
    "three offsets": written({"0.weight": {"dtype": "F64", "shape": [1, 2], "data_offsets": [0, 16, 16]}}, bytes(16)),
    "a gap before": written({"0.weight": tensor(begin=8, end=24)}, bytes(24)),
    "tensors that overlap": written({"0.weight": tensor(), "2.weight": tensor(begin=8, end=24)}, bytes(24)),
    "bytes behind the tensors": written(ONE, bytes(17)),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_rejected_by_the_name_of_the_file(model_of, data):
    with rejects(Unreadable, "network.safetensors") as rejected:
        model_of(data)
    assert SECRET_TEXT not in rejected.value.reason


UNCLEAR = {
    "no numbers": {"hidden.weight": PLAIN["w1"], "out.weight": PLAIN["w2"]},
    "a number in some names": {"fc1.weight": PLAIN["w1"], "out.weight": PLAIN["w2"]},
    "two numbers": {"0.1.weight": PLAIN["w1"]},
    "other words": {"a.0.weight": PLAIN["w1"], "b.2.weight": PLAIN["w2"]},
    "a number with a zero before it": {"00.weight": PLAIN["w1"]},
    "a batch norm": LINEAR | {"1.weight": np.ones(3), "1.running_mean": np.ones(3)},
    "a convolution": {"0.weight": np.ones((3, 2, 1))},
    "a bias alone": {"0.bias": np.ones(3)},
    "nothing": {},
}


@pytest.mark.parametrize("tensors", UNCLEAR.values(), ids=UNCLEAR)
def test_layers_whose_order_is_not_clear_or_that_are_not_dense_are_rejected_with_what_to_do(model_of, tensors):
    with pytest.raises(ModelError) as raised:
        model_of(tensors)
    assert "weight" in str(raised.value) or "exporter torch" in str(raised.value)


def test_a_scaler_and_names_are_needed(model_of, tmp_path):
    with rejects(MissingMember, "feature_names") as rejected:
        model_of(LINEAR, features=())
    assert "--features" in rejected.value.reason
    with rejects(MissingMember, "mean") as rejected:
        training_arrays(tmp_path / "network.safetensors", LABEL)
    assert "--scaler" in rejected.value.reason


def mutated(dice, data):
    """The bytes with a few of them changed, cut, repeated or exchanged for others of a header."""
    data = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        in_header = dice.random() < 0.7
        at = dice.randrange(min(len(data), 400)) if in_header else dice.randrange(len(data))
        kind = dice.randrange(5) if in_header else 0
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at : at + dice.randrange(1, 9)] = b""
        elif kind == 2:
            data[at:at] = data[at : at + dice.randrange(1, 9)]
        elif kind == 3:
            data[at : at + 1] = dice.choice(
                [b'"', b"{", b"}", b",", b"0", b"-", b"9999999999", b"null", b"\\u0030", b"F16", b" "]
            )
        else:
            data[:8] = dice.choice([0, 1, 8, len(data) - 8, len(data), 2**18, 2**31, 2**63]).to_bytes(8, "little")
    return bytes(data)


@pytest.mark.parametrize("rounds", [5_000, pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.longest])])
def test_a_mutated_file_is_rejected_or_has_the_tensors_that_the_library_reads(rounds):
    dice = random.Random(18)
    originals = [(EXPORTED / "network.safetensors").read_bytes(), save(LINEAR), save(LINEAR, {"format": "pt"})]
    accepted = 0
    tracemalloc.start()
    for _ in range(rounds):
        data = mutated(dice, dice.choice(originals))
        try:
            found = load(data)
        except ModelError:
            continue
        accepted += 1
        with suppress(ModelError):
            safetensors_file.read("network.safetensors", data)
        expected = {name: (each["dtype"], each["shape"], bytes(each["data"])) for name, each in safetensors.deserialize(data)}
        assert {name: (list(array.shape), array.tobytes()) for name, array in found.items()} == {
            name: (shape, content) for name, (_, shape, content) in expected.items()
        }
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rounds // 20 < accepted < rounds
    assert peak < 2**20


def test_the_largest_header_takes_little_memory():
    text = json.dumps({f"{at}.weight": tensor() for at in range(10_000)}).encode()[: HEADER_LIMIT - 100]
    tracemalloc.start()
    with pytest.raises(ModelError):
        load(written(text))
    with pytest.raises(ModelError):
        load(written(b'{"a":[' + b"[]," * ((HEADER_LIMIT - 100) // 3) + b"1]}"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20


def test_bf16_is_read_as_the_float32_of_the_same_leading_bits():
    numbers = np.array([[1.5, -2.0, 3.140625]], np.float32)
    data = (numbers.view(np.uint32) >> 16).astype("<u2").tobytes()
    found = safetensors_file.load(written({"0.weight": tensor((1, 3), "BF16", 0, 6)}, data))
    assert found["0.weight"].tolist() == numbers.tolist()
