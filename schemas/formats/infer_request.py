"""Infer request: the JSON of an Open Inference Protocol v2 request, and the bytes of the binary tensors behind it.

msgspec reads the JSON into structs. It keeps the last of two members of the same name, so the colons outside of strings are
counted: one more than the members that were read, and the JSON is read once more by the strict reader. That one also reads NaN
and infinities, which some clients write in JSON.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from schemas import strict_json
from schemas.faults import Fault, MalformedBody
from schemas.formats import bounds

Parameter: TypeAlias = str | int | float | bool | None
Parameters: TypeAlias = dict[str, Parameter]
_Data = TypeVar("_Data")
_Elements: TypeAlias = list[float | str | list[float | str | None] | None]
_LONGEST = 200
_ESCAPED = rb"\u003"
"""The beginning of an escaped colon."""


class InferInput(msgspec.Struct, Generic[_Data], forbid_unknown_fields=True):
    """One tensor as it is described; `data` are its elements, unless they are binary."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | UnsetType | None = UNSET
    data: _Data | UnsetType | None = UNSET


class InferOutput(msgspec.Struct, forbid_unknown_fields=True):
    """One output that is asked for."""

    name: str
    parameters: Parameters | UnsetType | None = UNSET


class Document(msgspec.Struct, Generic[_Data]):
    """The JSON of a request. Other members are ignored, as clients send their own."""

    inputs: list[InferInput[_Data]]
    outputs: list[InferOutput] | UnsetType | None = UNSET
    parameters: Parameters | UnsetType | None = UNSET
    id: str | UnsetType | None = UNSET
    model_name: str | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the answer is to have: the names of the `outputs`, each with whether it is binary, and the `id` of the request.

    With `review_top` the ranks decide on the review, of each group by the context `by`.
    """

    outputs: Mapping[str, bool]
    id: str = ""
    review_top: int | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InferRequest:
    """A request whose `document` is read; None for a raw request, which has the bytes of one tensor and nothing else.

    `tail` are the bytes behind the JSON. The elements of a `strict` document are as Python reads them, of any type; otherwise
    its numbers are floats. `faults` are those of the parameters and outputs.
    """

    text: bytes
    tail: memoryview
    document: Document[Any] | None
    wanted: Wanted
    strict: bool = False
    faults: Sequence[Fault] = field(default=())

    @property
    def inputs(self) -> Sequence[InferInput[Any]]:
        """Its tensors as they are described."""
        return () if self.document is None else self.document.inputs


def split(content: bytes, length: int | None) -> tuple[bytes, memoryview]:
    """The JSON of a body, and the bytes behind it. Without a length all of it is JSON. Raises MalformedBody."""
    if length is None:
        return content, memoryview(b"")
    if length > len(content):
        raise MalformedBody("the Inference-Header-Content-Length is larger than the body")
    return content[:length], memoryview(content)[length:]


def document_of(text: bytes) -> tuple[Document[Any], bool]:
    """The document, and whether its elements are of any type. Raises MalformedBody."""
    try:
        found = _decode(text)
        escaped = text.find(b"\\") >= 0 and text.find(_ESCAPED) >= 0  # one character is found in a fiftieth of the time
        plain = not escaped and bounds.count(text, ":") == _colons(found)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        plain = False
    return (found, False) if plain else (strict_document(text), True)


def strict_document(text: bytes) -> Document[Any]:
    """The document, with elements of any type. Raises MalformedBody."""
    parsed = strict_json.read(text)
    if any(_repeated(parsed)):
        raise MalformedBody("an object of the body has a name more than once")
    try:
        return msgspec.convert(parsed, Document[Any])
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise MalformedBody(f"the body is no infer request ({str(error)[:_LONGEST]})") from None


def given(value: Any) -> Any:
    """A member, or None where it is missing."""
    return None if value is UNSET else value


_decode = msgspec.json.Decoder(Document[_Elements]).decode


def _repeated(parsed: Any) -> Iterator[Any]:
    """The objects with a name more than once, of those whose names count."""
    top = [parsed] if isinstance(parsed, dict) else []
    lists = (each.get(name) for each in top for name in ("inputs", "outputs"))
    rows = [row for rows in lists if isinstance(rows, list) for row in rows if isinstance(row, dict)]
    objects = [*top, *rows, *(each.get("parameters") for each in (*top, *rows))]
    return (each for each in objects if getattr(each, "repeated", ()))


def _colons(found: Document[Any]) -> int:
    """The colons of a document without repeated and unknown names, if no colon is escaped."""
    inputs, outputs = found.inputs, given(found.outputs) or ()
    parts: list[Any] = [found, *inputs, *outputs]
    count = 0
    texts = list[str]()
    for each in parts:
        members = msgspec.structs.astuple(each)
        count += len(members) - members.count(UNSET)
        parameters = given(each.parameters) or {}
        count += len(parameters)
        texts += parameters
        texts += [value for value in parameters.values() if type(value) is str]
        texts += [value for value in members if type(value) is str]
    for each in inputs:
        data = given(each.data) or ()
        if data and type(data[0]) is not float:
            texts.append(_text(data))
    return count + sum(text.count(":") for text in texts)


def _text(data: Sequence[Any]) -> str:
    """All texts among elements."""
    try:
        return "".join(data)  # a quarter of the time of what follows
    except TypeError:
        rows = chain.from_iterable(each if type(each) is list else (each,) for each in data)
        return "".join(text for text in rows if type(text) is str)
