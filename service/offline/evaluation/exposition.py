"""The figures of an evaluation in the text format of Prometheus, for the textfile collector of a node exporter."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from service.offline.evaluation.evaluation import METRICS, Evaluation

_METRICS = {
    "auc": "Area under the ROC curve of the scores.",
    "average_precision": "Average precision of the scores.",
    "brier": "Mean square of score minus outcome.",
    "log_loss": "Mean of minus the logarithm of what the score gave the outcome.",
    "calibration_error": "Mean distance of mean score and late share over ten bins of equally many orders.",
}


def exposition(found: Evaluation, now: float) -> bytes:
    """The gauges, with the end of each 95 % interval as another series; `now` is in seconds since 1970."""
    registry, version = CollectorRegistry(), found.model["version"]

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"delivery_risk_evaluation_{name}", text, ["model_version", *labels], registry=registry)

    orders = gauge("orders", "Orders with a known outcome, by group.", "group")
    late = gauge("late_orders", "Late orders, by group.", "group")
    for group in found.groups:
        orders.labels(version, group.name).set(group.orders)
        late.labels(version, group.name).set(group.late)
    for name in METRICS:
        metric = gauge(name, f"{_METRICS[name]} `bound` is empty, or an end of the 95 % interval.", "group", "bound")
        for group in found.groups:
            estimate = group.metrics[name]
            for bound, value in (("", estimate.value), ("lower", estimate.low), ("upper", estimate.high)):
                if value is not None:
                    metric.labels(version, group.name, bound).set(value)
    gauge("timestamp_seconds", "When the evaluation was made, in seconds since 1970.").labels(version).set(now)
    return generate_latest(registry)
