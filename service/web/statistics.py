"""Statistics of the Open Inference Protocol's extension, from the metrics that all workers count together.

They are those of the service since it was started, for batches by any route: the stages of a batch are not counted by route.
`inference_count` is of the version that is served.
"""

from typing import Any

from model.core.manifest import Manifest
from service.web.route import Components

_STAGES = {"queue": "wait", "compute_input": "decode", "compute_infer": "score", "compute_output": "encode"}
_DURATION, _STAGE = "http_request_duration_seconds", "delivery_risk_stage_duration_seconds"
_ORDERS = "delivery_risk_orders"
_BATCHES = "delivery_risk_batch_orders"


def of_model(components: Components, manifest: Manifest) -> dict[str, Any]:
    """The statistics of the model of this manifest."""
    routes = {(route.method, route.path) for route in components.routes if route.scoring}
    success, fail, stages = [0.0, 0.0], [0.0, 0.0], {name: [0.0, 0.0] for name in _STAGES.values()}
    orders = batches = 0.0
    for family in components.registry.collect():
        for sample in family.samples if family.name in (_DURATION, _STAGE, _ORDERS, _BATCHES) else ():
            labels, at = sample.labels, 0 if sample.name.endswith("_count") else 1
            if sample.name.endswith("_bucket"):
                continue
            if family.name == _DURATION and (labels["method"], labels["route"]) in routes:
                (success if labels["status"] == "200" else fail)[at] += sample.value
            elif family.name == _STAGE and labels["stage"] in stages:
                stages[labels["stage"]][at] += sample.value
            elif family.name == _ORDERS and labels["model_version"] == manifest.version:
                orders += sample.value
            elif family.name == _BATCHES and at == 0:
                batches += sample.value
    nothing = [0.0, 0.0]
    durations = {"success": success, "fail": fail, **{name: stages[stage] for name, stage in _STAGES.items()}}
    durations |= {"cache_hit": nothing, "cache_miss": nothing}
    return {
        "name": manifest.name,
        "version": manifest.version,
        "inference_count": int(orders),
        "execution_count": int(batches),
        "inference_stats": {name: {"count": int(each[0]), "ns": int(each[1] * 1e9)} for name, each in durations.items()},
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [],
    }
