"""Prints a JSON schema of InferenceService, made of the types of the released `kserve` and `kubernetes` packages.

The types are those of KServe's custom resource. A member that they do not have is an error. Run it in .venv-clients.
"""

import json
import re
import sys
from typing import Any

import kserve.models
import kubernetes.client.models

PLAIN = {"str": "string", "int": "integer", "bool": "boolean", "float": "number", "datetime": "string"}
ANY = {"object", "ResourceQuantity", "V1beta1MetricQuantity", "V1Time"}
"""Types of any value, and those whose values may be a text or a number."""

_OF_GROUP = re.compile("(?:K8sIoApi(?:Core|AppsV1|AutoscalingV2)|K8sIoApiCoreV1|Core)(.*)")
_definitions: dict[str, Any] = {}


def _class(name: str) -> Any:
    found = getattr(kserve.models, name, None) or getattr(kubernetes.client.models, name, None)
    if found is None and (group := _OF_GROUP.fullmatch(name)):
        version = "V2" if "AutoscalingV2" in name else "" if group[1].startswith("V1") else "V1"
        found = getattr(kubernetes.client.models, version + group[1], None)
    return found


def schema(name: str) -> dict[str, Any]:
    """The schema of a type. One of the status, which nobody writes, may be unknown here."""
    if listed := re.fullmatch(r"[lL]ist\[(.*)\]", name):
        return {"type": "array", "items": schema(listed[1])}
    if mapped := re.fullmatch(r"[dD]ict[(\[]\w+, (.*)[)\]]", name):
        return {"type": "object", "additionalProperties": schema(mapped[1])}
    if name in PLAIN:
        return {"type": PLAIN[name]}
    if name in ANY:
        return {}
    if name not in _definitions:
        found = _class(name)
        if found is None:
            raise SystemExit(f"no type {name}")
        _definitions[name] = made = {"type": "object", "additionalProperties": False}
        types, names = found.openapi_types, found.attribute_map
        made["properties"] = {names[each]: schema(types[each]) for each in types if each != "status"}
    return {"$ref": f"#/definitions/{name}"}


if __name__ == "__main__":
    root = schema("V1beta1InferenceService")
    json.dump({**root, "definitions": _definitions}, sys.stdout)
