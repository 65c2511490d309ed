"""Infer requests in all mixtures of JSON and binary tensors, changed at random. About half of them have binary tensors."""

import json
import random
import struct
from typing import Any

from tests.facts import FEATURES
from tests.mutated_bodies import BYTES, TOKENS, change
from tests.tensor_bodies import HEADER, Tensor, request
from tests.tensor_oracle import MATRIX, OUTPUTS

_NUMBERS = {"FP64": (0.1, 10.0), "FP32": (0.0, 10.0), "FP16": (0.0, 10.0), "INT64": (0, 10), "UINT8": (0, 10), "INT16": (0, 10)}
_SIZES: list[Any] = [0, -1, 1, 2, 3, 24, 10**4, 10**9, 2**31, 2**63, 2**64, 10**30, 1.0, 1.5, True, None, "3", [3], 1e400]
_DATATYPES = ["FP64", "FP32", "FP16", "BF16", "INT64", "INT8", "UINT64", "BOOL", "BYTES", "fp64", "", None, 7, "Marked-918"]
_NAMES = [MATRIX, *FEATURES, "order_id", *OUTPUTS, "colour", "", None, 7, "score ", "é"]
_HEADERS = ["", "-1", "+5", " 7", "1.0", "0x10", "1e2", "99999999999999999999", "Marked-918", "٣", "1_0", "0", "00", "5, 5"]
_PARAMETERS: list[tuple[str, Any]] = [
    *(("binary_data_output", each) for each in (True, False, None, 1, "true")),
    *(("binary_data", each) for each in (True, False, None, 0, "false")),
    *(
        ("classification", 2),
        ("shared_memory_region", "Marked-918"),
        ("shared_memory_offset", 0),
        ("sequence_id", 918273645546),
    ),
    *(("sequence_start", True), ("priority", 3), ("timeout", 5), ("timeout", "Marked-918"), ("colour", "Marked-918")),
    *(("binary_data_size", each) for each in _SIZES),
]


def _numbers(dice: random.Random, datatype: str, count: int) -> list[float]:
    """Numbers that the datatype has exactly."""
    low, high = _NUMBERS[datatype]
    if isinstance(low, int):
        return [dice.randint(low, int(high)) for _ in range(count)]
    drawn = (dice.uniform(low, high) if datatype == "FP64" else dice.randrange(321) / 32 for _ in range(count))
    return [dice.choice((each, each, each, round(each, 2) if datatype == "FP64" else 5.0)) for each in drawn]


def valid(dice: random.Random) -> tuple[bytes, dict[str, str]]:
    """A valid request of up to four orders, and its headers. About half of them have a binary tensor."""
    rows, binary = dice.choice((0, 1, 1, 2, 3, 4)), dice.random() < 0.5

    def tensor(name: str, columns: int | None = None) -> Tensor:
        datatype, shape = dice.choice([*_NUMBERS]), [rows] if columns is None else [rows, columns]
        in_binary = binary and dice.random() < 0.7
        if datatype == "FP16" and not in_binary:
            datatype = "FP64"
        return Tensor(name, datatype, shape, _numbers(dice, datatype, rows * (columns or 1)), in_binary)

    if dice.random() < 0.5:
        inputs = [tensor(MATRIX, len(FEATURES))]
    else:
        inputs = [tensor(name, dice.choice((None, 1))) for name in dice.sample(FEATURES, len(FEATURES))]
    if dice.random() < 0.4:
        ids = [f"{dice.choice('ABé')}-{number}" for number in range(rows)]
        inputs.insert(dice.randrange(len(inputs) + 1), Tensor("order_id", "BYTES", [rows], ids, binary and dice.random() < 0.5))
    names = dice.sample(OUTPUTS, dice.randint(1, len(OUTPUTS)))
    outputs = dice.choice((None, {name: dice.random() < 0.5 for name in names}))
    members: dict[str, Any] = dice.choice(({}, {"id": "7"}, {"parameters": {"binary_data_output": True}}, {"model_name": "x"}))
    return request(inputs, outputs, **members)


def _parts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of a request that have parameters."""
    return [document, *document["inputs"], *document.get("outputs", [])]


def _described(header: bytes, dice: random.Random) -> bytes:
    """The JSON with another name, shape, datatype, size, parameter, order of tensors or a tensor more or less."""
    document = json.loads(header)
    tensors, which = document["inputs"], dice.randrange(8)
    one = dice.choice(tensors) if tensors else {}
    if which == 0:
        one["datatype"] = dice.choice(_DATATYPES)
    elif which == 1 and one.get("shape"):
        one["shape"][dice.randrange(len(one["shape"]))] = dice.choice(_SIZES)
    elif which == 2:
        one["shape"] = dice.choice(([], [3], [1, 3], [3, 1], [1, 1, 3], [-1, 3], [2**32, 2**32], 3, None))
    elif which == 3:
        dice.choice(_parts(document))["name"] = dice.choice(_NAMES)
    elif which == 4:
        name, value = dice.choice(_PARAMETERS)
        dice.choice(_parts(document)).setdefault("parameters", {})[name] = value
    elif which == 5:
        dice.shuffle(tensors)
    elif which == 6 and tensors:
        tensors.insert(0, dice.choice(tensors)) if dice.random() < 0.5 else tensors.pop()
    else:
        one.pop(dice.choice([*one]), None) if one else tensors.append({})
    return json.dumps(document).encode()


def _tail(raw: bytes, dice: random.Random) -> bytes:
    """The bytes of the binary tensors with other numbers, or more or fewer of them."""
    which = dice.randrange(5)
    if which == 0 and len(raw) >= 8:
        at = dice.randrange(len(raw) // 8) * 8
        special = (float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 1e300, 918273645546.0)
        return raw[:at] + struct.pack("<d", dice.choice(special)) + raw[at + 8 :]
    if which == 1:
        return raw[: dice.randrange(len(raw) + 1)]
    if which == 2:
        return raw + dice.choice((b"\0", b"\0" * 8, b"Marked-918", raw))
    return dice.choice(BYTES)(raw, dice) if raw else dice.choice(TOKENS)


def mutant(seed: str) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of the mutant of this seed. In about a third of them only values are changed."""
    dice = random.Random(seed)
    body, headers = valid(dice)
    at = int(headers.get(HEADER, len(body)))
    header, raw = body[:at], body[at:]
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        which = dice.random()
        if which < 0.3:
            header = change(header, dice)
        elif which < 0.6:
            try:
                header = _described(header, dice)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                header = change(header, dice) if header else header
        elif which < 0.7:
            header = dice.choice(BYTES)(header, dice) if header else dice.choice(TOKENS)
        elif raw:
            raw = _tail(raw, dice)
    if HEADER in headers:
        size = len(header) if dice.random() < 0.9 else at + dice.choice((-1, 1, -8, 8))
        headers[HEADER] = str(size) if dice.random() < 0.95 else dice.choice(_HEADERS)
        if dice.random() < 0.02:
            del headers[HEADER]
    elif dice.random() < 0.05:
        headers[HEADER] = dice.choice((*_HEADERS, str(len(header)), str(len(header) + 1)))
    return header + raw, headers
