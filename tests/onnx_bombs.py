"""Small ONNX files that ask for much memory, and a program that imports them: `python -m tests.onnx_bombs FOLDER`.

It prints a line of JSON for each: the error, and how many MiB the process has grown at its peak since it imported a valid file.
"""

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from model.errors import ModelError
from tests.onnx_files import EXPORTED, imported
from tests.onnx_graphs import ML

MOST = 2**30  # bytes that the process may have


def varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def chain(op: str, count: int, *more: str, **attributes: Any) -> list[NodeProto]:
    """So many nodes, each of which takes the output of the one before and the further inputs; the first takes x."""
    names = ["x", *(f"h{at}" for at in range(count))]
    nodes = [helper.make_node(op, [names[at], *more], [names[at + 1]], **attributes) for at in range(count)]
    return [*nodes, helper.make_node("Sigmoid", [names[count]], ["p"])]


def model(nodes: list[NodeProto], columns: int, kind: int = TensorProto.DOUBLE, **constants: Any) -> bytes:
    inputs = [helper.make_tensor_value_info("x", kind, [None, columns])]
    outputs = [helper.make_tensor_value_info("p", TensorProto.DOUBLE, None)]
    tensors = [numpy_helper.from_array(np.asarray(array, np.float64), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "bomb", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(ML, 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return data


def bombs() -> Iterator[tuple[str, bytes, int]]:
    """The name of each, its bytes, and the number of names to give."""
    yield "one weight for 5,000 layers", model(chain("MatMul", 5_000, "w"), 64, w=np.eye(64)), 64
    yield "one large weight for 900 layers", model(chain("MatMul", 900, "w"), 1000, w=np.eye(1000)), 1000
    yield "one weight that is multiplied", model(chain("Gemm", 600, "w", alpha=0.5), 500, w=np.eye(500)), 500
    doubled = [helper.make_node("Concat", [name, name], [f"h{at}"], axis=1) for at, name in enumerate(["x", "h0", "h1"])]
    doubled += [helper.make_node("Concat", [f"h{at}"] * 2, [f"h{at + 1}"], axis=1) for at in range(2, 60)]
    yield "columns that are doubled 60 times", model([*doubled, helper.make_node("Sigmoid", ["h60"], ["p"])], 2), 2
    hot = helper.make_node("OneHotEncoder", ["x"], ["h"], domain=ML, cats_int64s=list(range(20_000)))
    encoded = [hot, helper.make_node("Sigmoid", ["h"], ["p"])]
    yield "many categories of many columns", model(encoded, 16_000, TensorProto.INT64), 16_000
    casts = [helper.make_node("Cast", ["w"], [f"c{at}"], to=TensorProto.DOUBLE) for at in range(5_000)]
    yield "one weight that is cast 5,000 times", model(casts, 2, w=np.ones((2, 5000))), 2
    yield "one mean for 5,000 scalers", model(chain("Sub", 5_000, "m"), 16_000, m=[1.0]), 16_000
    yield "columns by the million", model(chain("Sub", 1, "m"), 2**40, m=[1.0]), 2
    yield "10 million empty messages", b"\x08\x09" + field(7, b"\x0a\x00" * 10_000_000), 2
    yield "20 million integers of a byte", b"\x08\x09" + field(7, field(5, b"\x10\x07" + field(7, b"\x01" * 20_000_000))), 2
    nested = b""
    for _ in range(1000):
        nested = field(5, field(6, field(1, nested)))
    yield "1,000 graphs in each other", b"\x08\x09" + field(7, field(1, nested)), 2
    yield "a file over the limit", b"\x08\x09" + bytes(65 * 2**20), 2


def main(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST))
    imported((EXPORTED / "sklearn_double.onnx").read_bytes(), folder, "abc")
    for name, data, names in bombs():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            imported(data, folder, [f"f{at}" for at in range(names)])
            error = ""
        except ModelError as found:
            error = type(found).__name__
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        sys.stdout.write(json.dumps({"name": name, "bytes": len(data), "error": error, "grown": grown}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
