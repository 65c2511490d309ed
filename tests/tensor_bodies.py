"""Requests and answers of the Open Inference Protocol v2 and its binary tensor extension, written from its text with struct."""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HEADER = "Inference-Header-Content-Length"
_NAMES = "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64"
CODES = dict(zip(_NAMES.split(), "?BHIQbhiqefd", strict=True))
"""The letter of struct for the elements of each datatype but BYTES."""


@dataclass(frozen=True)
class Tensor:
    """One input: its elements in row-major order."""

    name: str
    datatype: str
    shape: Sequence[int]
    data: Sequence[Any]
    binary: bool = False

    def raw(self) -> bytes:
        """The bytes of its elements."""
        if self.datatype == "BYTES":
            encoded = [each.encode() for each in self.data]
            return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
        return struct.pack(f"<{len(self.data)}{CODES[self.datatype]}", *self.data)

    def described(self) -> dict[str, Any]:
        """Its member of `inputs`."""
        found: dict[str, Any] = {"name": self.name, "shape": [*self.shape], "datatype": self.datatype}
        return found | ({"parameters": {"binary_data_size": len(self.raw())}} if self.binary else {"data": [*self.data]})


def request(
    tensors: Iterable[Tensor], outputs: Mapping[str, bool] | None = None, **members: Any
) -> tuple[bytes, dict[str, str]]:
    """A request and its headers. `outputs` says of each wanted output whether it is to be binary."""
    given = list(tensors)
    described: dict[str, Any] = {**members, "inputs": [each.described() for each in given]}
    if outputs is not None:
        described["outputs"] = [{"name": name, "parameters": {"binary_data": binary}} for name, binary in outputs.items()]
    header = json.dumps(described, separators=(",", ":")).encode()
    if not any(each.binary for each in given):
        return header, {"Content-Type": "application/json"}
    body = header + b"".join(each.raw() for each in given if each.binary)
    return body, {"Content-Type": "application/octet-stream", HEADER: str(len(header))}


def elements(datatype: str, raw: bytes) -> list[Any]:
    """The elements of a binary tensor. Raises struct.error where they are cut."""
    if datatype != "BYTES":
        return list(struct.unpack(f"<{len(raw) // struct.calcsize(CODES[datatype])}{CODES[datatype]}", raw))
    found, at = [], 0
    while at < len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        (text,) = struct.unpack_from(f"{size}s", raw, at + 4)
        found.append(text.decode())
        at += 4 + size
    return found


def answered(headers: Mapping[str, str], body: bytes) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The JSON of an answer, and the elements of its outputs by name; all of the answer is read."""
    lower = {name.lower(): value for name, value in headers.items()}
    size = lower.get(HEADER.lower())
    at = len(body) if size is None else int(size)
    assert lower["content-type"] == ("application/json" if size is None else "application/octet-stream")
    document, found = json.loads(body[:at]), {}
    for output in document["outputs"]:
        length = output.get("parameters", {}).get("binary_data_size")
        assert ("data" in output) == (length is None)
        if length is None:
            found[output["name"]] = output["data"]
        else:
            found[output["name"]] = elements(output["datatype"], body[at : at + length])
            at += length
    assert at == len(body)
    return document, found
