"""The components of deploy/kubernetes, each with the base, and the guide's lines that install base and components."""

import re
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from service.telemetry import tracing
from service.web.inference_routes import INFERENCE_ROUTES
from service.web.routes import ROUTES
from tests.deploy import manifests
from tests.deploy.containers import IMAGE
from tests.deploy.manifests import GUIDE, container, kustomized, validate
from tests.deploy.programs import program, replace_text
from tests.facts import ROOT

pytestmark = pytest.mark.deploy


def with_components(folder, *names):
    """The base, and an overlay of it with these components, which is valid; by kind and name."""
    overlay, components = folder.parent / "overlay", [f"../{folder.name}/{name}" for name in names]
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [f"../{folder.name}"], "components": components}))
    made = kustomized(overlay)
    (folder.parent / "built.yaml").write_text(yaml.safe_dump_all(made.values()))
    validate(folder.parent / "built.yaml", count=len(made), unknown=sum(kind == "ServiceMonitor" for kind, _ in made))
    return kustomized(folder), made


def check_tracing(folder):
    """The component lets the service's pods, and only them, reach the collector that its setting names."""
    base, made = with_components(folder, "tracing")
    settings, policy = ("ConfigMap", "delivery-risk"), ("NetworkPolicy", "delivery-risk-traces")
    assert {name for name, manifest in made.items() if manifest != base.get(name)} == {settings, policy}, "changes more"
    (new,) = set(made[settings]["data"]) - set(base[settings]["data"])
    assert new in tracing.ENDPOINTS, "not a variable of tracing"
    endpoint, policy = urlsplit(made[settings]["data"][new]), made[policy]["spec"]
    assert policy["podSelector"]["matchLabels"] == base["Service", "delivery-risk"]["spec"]["selector"], "other pods"
    assert policy["policyTypes"] == ["Egress"]
    collector, names = policy["egress"]
    assert collector["ports"] == [{"port": endpoint.port}], "no such port"
    assert collector["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == endpoint.hostname.split(".")[0]
    assert {(port["port"], port["protocol"]) for port in names["ports"]} == {(53, "UDP"), (53, "TCP")}


def check_no_operator(folder):
    """The component leaves out what Kubernetes itself does not know, and nothing else."""
    base, made = with_components(folder, "no-operator")
    assert made == {name: manifest for name, manifest in base.items() if not is_custom(manifest)}, "leaves out another"


def is_custom(manifest):
    """Whether its kind comes from an operator: Kubernetes' own groups have no dot, or end in k8s.io."""
    group = manifest["apiVersion"].rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


def check_one_node(folder):
    """The component has all pods that mount the volume on the registry's node, so that a volume of one node is enough."""
    base, made = with_components(folder, "one-node")
    claim, deployment = ("PersistentVolumeClaim", "delivery-risk-models"), ("Deployment", "delivery-risk")
    assert {name for name, manifest in made.items() if manifest != base.get(name)} == {claim, deployment}, "changes more"
    assert made[claim]["spec"]["accessModes"] == ["ReadWriteOnce"]
    affinity = made[deployment]["spec"]["template"]["spec"]["affinity"]["podAffinity"]
    (required,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    registry = base["StatefulSet", "delivery-risk-store"]["spec"]["template"]["metadata"]["labels"]
    assert required == {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": registry}}, "on another node"


def check_ingress(folder):
    """The component leads to routes of the service by its port, without metrics and probes, and lets the proxy in."""
    base, made = with_components(folder, "ingress")
    ingress, policy = ("Ingress", "delivery-risk"), ("NetworkPolicy", "delivery-risk-ingress")
    assert {name for name, manifest in made.items() if manifest != base.get(name)} == {ingress, policy}, "changes more"
    (rule,), (tls,) = made[ingress]["spec"]["rules"], made[ingress]["spec"]["tls"]
    assert tls["hosts"] == [rule["host"]], "another host"
    service = base["Service", "delivery-risk"]
    (port,) = service["spec"]["ports"]
    backend = {"service": {"name": service["metadata"]["name"], "port": {"name": port["name"]}}}
    assert all(path["backend"] == backend for path in rule["http"]["paths"]), "no such port"
    of_type = {
        kind: {path["path"] for path in rule["http"]["paths"] if path["pathType"] == kind} for kind in ("Exact", "Prefix")
    }
    assert sum(map(len, of_type.values())) == len(rule["http"]["paths"])
    assert of_type["Exact"] <= {route.path for route in ROUTES} - {"/metrics", "/livez", "/healthz", "/readyz"}, "no such route"
    assert of_type["Prefix"] == {f"/{route.path.split('/')[1]}" for route in INFERENCE_ROUTES}, "no such route"
    closed = made[policy]["spec"]
    assert closed["podSelector"]["matchLabels"] == service["spec"]["selector"], "other pods"
    (allowed,) = closed["ingress"]
    assert allowed["ports"] == [{"port": port["targetPort"]}], "no such port"


@pytest.fixture
def folder(deploy):
    return deploy / "kubernetes"


@pytest.mark.parametrize("check", [check_tracing, check_no_operator, check_one_node, check_ingress])
def test_a_component_changes_what_it_is_for_and_nothing_else(check, folder):
    check(folder)


ENDPOINT, COMPONENT = "OTEL_EXPORTER_OTLP_ENDPOINT", "      app.kubernetes.io/component: service\n"
FAULTS = {
    "traces to another port": (check_tracing, "tracing/network-policy", "port: 4318", "port: 4317", "no such port"),
    "traces of the registry": (check_tracing, "tracing/network-policy", COMPONENT, "", "other pods"),
    "an unknown endpoint": (check_tracing, "tracing/kustomization", ENDPOINT, "OTEL_ENDPOINT", "not a variable"),
    "another monitor": (check_no_operator, "no-operator/kustomization", "name: delivery-risk\n", "name: other\n", "no matches"),
    "another claim of a node": (check_one_node, "one-node/kustomization", "delivery-risk-models", "models", "no matches"),
    "another node": (check_one_node, "one-node/kustomization", "component: store", "component: service", "another node"),
    "an ingress to another port": (check_ingress, "ingress/ingress", "name: http", "name: web", "no such port"),
    "an ingress to metrics": (check_ingress, "ingress/ingress", "path: /docs", "path: /metrics", "no such route"),
    "an ingress to other pods": (check_ingress, "ingress/network-policy", COMPONENT, "", "other pods"),
    "an unlisted policy": (check_tracing, "tracing/kustomization", "resources:\n  - network-policy.yaml\n", "", "changes more"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_component_is_detected(folder, fault):
    check, file, old, new, message = FAULTS[fault]
    replace_text(folder / f"{file}.yaml", old, new)
    with pytest.raises(AssertionError, match=message):
        check(folder)


def test_the_documented_overlay_names_existing_folders():
    (overlay,) = re.findall(r"```yaml\n(resources: .*?)```", GUIDE, re.DOTALL)
    folders = [folder for part in yaml.safe_load(overlay).values() for folder in part]
    assert all((ROOT / "overlay" / folder / "kustomization.yaml").resolve().is_file() for folder in folders)


KUBECTL = """#!/bin/sh
case "$1 $2" in
    "apply -k") "$KUBECTL" kustomize "$3" ;;
    "apply -f") cat "$3" ;;
    *create*|"-n "*) case "$3" in create) "$KUBECTL" "$@" --dry-run=client -o yaml ;; esac ;;
esac >> applied.yaml && echo --- >> applied.yaml
"""


def test_the_lines_of_the_guide_install_it_in_their_order_on_a_cluster_with_nothing_special(deploy):
    """The lines are run; `kubectl` writes what it would apply, and `docker` does nothing."""
    folder = deploy.parent
    text = "".join(re.findall(r"```sh\n(.*?)```", GUIDE.split("## Install")[1].split("\n## ")[0], re.DOTALL))
    (folder / "bin").mkdir()
    for name, script in (("kubectl", KUBECTL), ("docker", "#!/bin/sh\n")):
        (folder / "bin" / name).write_text(script)
        (folder / "bin" / name).chmod(0o755)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    given = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "KUBECTL": program("kubectl")}
    subprocess.run(["sh", "-ec", text], cwd=folder, env=given, capture_output=True, timeout=120, check=True)
    made = [manifest for manifest in yaml.safe_load_all((folder / "applied.yaml").read_text()) if manifest]
    assert (made[0]["kind"], made[1]["kind"]) == ("Namespace", "Secret")
    assert {manifest["metadata"].get("namespace") for manifest in made[1:]} - {None} == {made[0]["metadata"]["name"]}
    assert not any(map(is_custom, made))
    (claim,) = (manifest for manifest in made if manifest["kind"] == "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    deployment, registry = (
        next(manifest for manifest in made if manifest["kind"] == kind) for kind in ("Deployment", "StatefulSet")
    )
    assert {container(workload)["image"] for workload in (deployment, registry)} == {f"registry.example.org/{IMAGE}"}
    secret = manifests.secret_volume(deployment)["secret"]
    assert made[1]["metadata"]["name"] == secret["secretName"]
    assert made[1]["data"].keys() == {"tokens", "scraper"} >= {item["key"] for item in secret["items"]}
