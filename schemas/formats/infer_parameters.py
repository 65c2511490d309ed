"""Parameters and outputs of an infer request: what the answer is to have. Those that are not supported are faults by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.faults import Fault
from schemas.formats.infer_request import Document, Parameters, Wanted, given
from schemas.names import listed

OUTPUTS = {"score": "FP64", "review": "BOOL", "logit": "FP64", "rank": "INT64", "contribution": "FP64"}
"""The outputs and their datatypes."""

DEFAULT_OUTPUTS = ("score", "review")
_CODECS = ("np", "str", "pd")
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "binary_data_output": (lambda value: type(value) is bool, "true or false"),
    "binary_data": (lambda value: type(value) is bool, "true or false"),
    "binary_data_size": (lambda value: type(value) is int and value >= 0, "a number of bytes"),
    "priority": (lambda value: type(value) is int, "an integer"),
    "timeout": (lambda value: type(value) is int, "an integer"),
    "content_type": (lambda value: value in _CODECS, f"one of {', '.join(_CODECS)}"),
    "review_top": (lambda value: type(value) is int and value >= 1, "an integer from 1"),
    "by": (lambda value: type(value) is str, "a text"),
}
OF_REQUEST = ("binary_data_output", "review_top", "by", "priority", "timeout", "content_type")
OF_INPUT = ("binary_data_size", "content_type")
OF_OUTPUT = ("binary_data", "content_type")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted, and the faults of the parameters and outputs."""

    wanted: Wanted
    faults: Sequence[Fault] = field(default=())


DEFAULT = Wanted(dict.fromkeys(DEFAULT_OUTPUTS, True))
"""What a raw request wants: all in binary."""


def asked(document: Document[Any], contexts: Sequence[str], most: int) -> Asked:
    """What a document asks for, of a model with these contexts; `most` is how many orders a batch may have."""
    parameters = given(document.parameters) or {}
    faults = list(faults_of(parameters, OF_REQUEST))
    valid = {name: value for name, value in parameters.items() if name in OF_REQUEST and _CHECKS[name][0](value)}
    top, by = valid.get("review_top"), valid.get("by")
    if top is not None and top > most:
        faults.append(_wrong("review_top", f"an integer from 1 to {most}"))
    if by is not None and by not in contexts:
        faults.append(_wrong("by", f"a context of the model, which has {listed(contexts) or 'none'}"))
    elif by is not None and top is None:
        faults.append(_wrong("by", "beside review_top"))
    binary, outputs = valid.get("binary_data_output", False), dict[str, bool]()
    for each in given(document.outputs) or ():
        given_here = given(each.parameters) or {}
        path = ("outputs", each.name, "parameters")
        faults += faults_of(given_here, OF_OUTPUT, *path)
        if each.name not in OUTPUTS:
            faults.append(Fault("unknown_name", path=path[:2], hint=f"the outputs are {', '.join(OUTPUTS)}"))
        elif each.name in outputs:
            faults.append(Fault("duplicate_key", path=path[:2]))
        else:
            wish = given_here.get("binary_data", binary)
            outputs[each.name] = wish is True
    wanted = Wanted(
        outputs or dict.fromkeys(DEFAULT_OUTPUTS, binary), given(document.id) or "", top, by if by in contexts else None
    )
    return Asked(wanted, faults)


def faults_of(parameters: Parameters, known: Sequence[str], *path: str) -> Iterator[Fault]:
    """The parameters that are not known here, or have a value of another kind."""
    for name, value in parameters.items():
        if name not in known:
            yield Fault("unknown_parameter", path=(*(path or ("parameters",)), name))
        elif not _CHECKS[name][0](value):
            yield _wrong(name, _CHECKS[name][1], *path)


def _wrong(name: str, expected: str, *path: str) -> Fault:
    return Fault("invalid_parameter", path=(*(path or ("parameters",)), name), hint=f"expected {expected}")
