"""deploy/kubernetes: schemas, security policy, references between manifests, and the output of kustomize."""

import json
import re
import shutil
from pathlib import PurePosixPath

import pytest
import yaml

from service import config
from tests.deploy import manifests
from tests.deploy.containers import IMAGE
from tests.deploy.manifests import GUIDE, KUBERNETES, container, stop_hook
from tests.deploy.monitoring import PROMETHEUS
from tests.deploy.panels import dashboard
from tests.deploy.programs import output, replace_text

pytestmark = pytest.mark.deploy


def check_build(folder):
    made = {kind: manifest for (kind, _), manifest in manifests.kustomized(folder).items()}
    assert made == manifests.read(folder), "kustomize omits or changes a manifest"
    images = yaml.safe_load((folder / "kustomization.yaml").read_text())["images"]
    assert [f"{image['name']}:{image['newTag']}" for image in images] == [IMAGE], "another image"


def check_schemas(folder):
    manifests.validate(*manifests.files(folder), count=len(manifests.read(folder)))
    manifests.validate_operator(manifests.read(folder)["ServiceMonitor"])


def check_policy(folder):
    output("checkov", "-d", str(folder), "--framework=kubernetes", "--skip-download", "--compact", "--quiet")
    text = "".join(file.read_text() for file in manifests.files(folder))
    assert all(re.fullmatch(r"CKV_\w+=\w.{20,}", skip) for skip in re.findall(r"checkov.io/skip\d+: (.*)", text)), "no reason"


def check_references(folder):
    """Every name, label and port by which a manifest refers to another one exists there."""
    known = manifests.read(folder)
    specs = {kind: manifest.get("spec", {}) for kind, manifest in known.items()}
    deployment, service = known["Deployment"], known["Service"]
    monitor, closed = specs["ServiceMonitor"], specs["NetworkPolicy"]
    labels, pod = deployment["spec"]["template"]["metadata"]["labels"], deployment["spec"]["template"]["spec"]
    registry = specs["StatefulSet"]["template"]
    ports = {port["name"] for port in container(deployment)["ports"]}
    namespaces = {manifest["metadata"].get("namespace") for kind, manifest in known.items() if kind != "Namespace"}
    assert namespaces == {known["Namespace"]["metadata"]["name"]}, "another namespace"
    assert known["Namespace"]["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}, "open to any pod"

    selectors = [spread["labelSelector"]["matchLabels"] for spread in pod["topologySpreadConstraints"]]
    selectors += [specs[kind]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")]
    assert all(selector == labels for selector in [*selectors, specs["Service"]["selector"]]), "other pods"
    others = registry["metadata"]["labels"]
    assert others == specs["StatefulSet"]["selector"]["matchLabels"] != labels, "the registry's pod too"
    assert closed["podSelector"]["matchLabels"].items() <= labels.items() & others.items(), "other pods"
    assert closed["egress"] == []

    assert {port["targetPort"] for port in specs["Service"]["ports"]} <= ports, "no such port"
    assert {port["port"] for rule in closed["ingress"] for port in rule["ports"]} == ports, "no such port"
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items(), "no such service"
    assert {end["port"] for end in monitor["endpoints"]} <= {port["name"] for port in specs["Service"]["ports"]}, "no such port"
    job = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"][0]["job_name"]
    assert service["metadata"]["labels"].get(monitor["jobLabel"]) == job, "another job"

    target = specs["HorizontalPodAutoscaler"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"]), "no such deployment"
    assert "replicas" not in deployment["spec"], "set by the autoscaler"
    volumes = [*pod["volumes"], *registry["spec"]["volumes"]]
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume}
    assert claims == {known["PersistentVolumeClaim"]["metadata"]["name"]}, "no such claim"
    (source,) = container(deployment)["envFrom"]
    assert source == {"configMapRef": {"name": known["ConfigMap"]["metadata"]["name"]}}, "no such map"
    secret = manifests.secret_volume(deployment)["secret"]["secretName"]
    assert {secret} == {end["authorization"]["credentials"]["name"] for end in monitor["endpoints"]}, "another secret"
    for workload in (deployment, known["StatefulSet"]):
        assert container(workload)["image"] == IMAGE, "another image"
        assert workload["spec"]["template"]["spec"].get("enableServiceLinks") is False, "variables that the service rejects"


def check_settings(folder):
    """The variables are settings, their paths are on volumes of the right kind, and their times fit the Deployment's."""
    known = manifests.read(folder)
    given, deployment = known["ConfigMap"]["data"], known["Deployment"]
    settings, spec = config.load(given), deployment["spec"]["template"]["spec"]
    kinds, service = {volume["name"]: set(volume) - {"name"} for volume in spec["volumes"]}, container(deployment)
    mounts = {mount["mountPath"]: (kinds[mount["name"]], mount.get("readOnly")) for mount in service["volumeMounts"]}
    drain, tokens = (str(PurePosixPath(given[f"DELIVERY_RISK_{name}_FILE"]).parent) for name in ("DRAIN", "TOKENS"))
    expected = {settings.model: ({"persistentVolumeClaim"}, True), drain: ({"emptyDir"}, None), tokens: ({"secret"}, True)}
    assert mounts.items() >= expected.items(), "no such mount"

    slept = sum(map(int, re.findall(r"sleep (\d+)", " ".join(stop_hook(deployment)))))
    assert spec["terminationGracePeriodSeconds"] > slept + settings.graceful_timeout_seconds, "killed before its answers"
    probe = service["readinessProbe"]
    assert slept > probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"], "stopped while still ready"
    assert settings.workers == float(service["resources"]["limits"]["cpu"]), "not a core for each worker"


@pytest.fixture
def folder(deploy):
    return deploy / "kubernetes"


@pytest.mark.parametrize("check", [check_build, check_schemas, check_policy, check_references, check_settings])
def test_the_manifests_are_valid(check, folder):
    check(folder)


def test_the_service_rejects_the_variables_of_kubernetes_service_links():
    name = manifests.read(KUBERNETES)["Service"]["metadata"]["name"].upper().replace("-", "_")
    with pytest.raises(config.SettingsError, match="not a setting"):
        config.load({f"{name}_SERVICE_HOST": "10.0.0.1"})


def test_the_documented_command_makes_a_map_with_the_dashboard_and_the_label_that_grafana_looks_for():
    (line,) = re.findall(r"^kubectl .* create configmap .*$", GUIDE, re.MULTILINE)
    made, apply = line.rsplit(" | ", 1)
    assert apply == "kubectl apply -f -"
    found = yaml.safe_load(output("sh", "-ec", made))
    assert found["metadata"]["labels"] == {"grafana_dashboard": "1"}
    (text,) = found["data"].values()
    assert json.loads(text) == dashboard()


FAULTS = {
    "another namespace": (check_build, "kustomization", "namespace: delivery-risk", "namespace: other", "changes a manifest"),
    "an unlisted file": (check_build, "kustomization", "  - network-policy.yaml\n", "", "omits"),
    "an open namespace": (check_references, "namespace", "enforce: restricted", "enforce: baseline", "open to any pod"),
    "another tag": (check_build, "kustomization", "newTag: 0.1.0", "newTag: 0.0.9", "changes a manifest"),
    "an image of another name": (check_build, "kustomization", "- name: delivery-risk", "- name: risk", "another image"),
    "an unknown key": (check_schemas, "deployment", "livenessProbe:", "livelinessProbe:", "livelinessProbe"),
    "a number for a text": (check_schemas, "configmap", '"30"', "30", "30"),
    "an old version": (check_schemas, "autoscaler", "autoscaling/v2", "autoscaling/v2beta2", "v2beta2"),
    "an unknown key of a monitor": (check_schemas, "service-monitor", "interval:", "every:", "every"),
    "a Service of other pods": (check_references, "service", "component: service", "component: server", "other pods"),
    "a Service of the registry": (check_references, "models", "component: store", "component: service", "the registry's"),
    "another job": (check_references, "service-monitor", "jobLabel: app.kubernetes.io/name", "jobLabel: app", "another job"),
    "another port": (check_references, "service", "targetPort: http", "targetPort: web", "no such port"),
    "another port of a monitor": (check_references, "service-monitor", "port: http", "port: web", "no such port"),
    "another port of a policy": (check_references, "network-policy", "port: http", "port: 8080", "no such port"),
    "a budget for other pods": (check_references, "disruption-budget", "component: service", "component: web", "other pods"),
    "another deployment": (check_references, "autoscaler", "name: delivery-risk\n  min", "name: risk\n  min", "no such deploy"),
    "another claim": (check_references, "deployment", "claimName: delivery-risk-models", "claimName: models", "no such claim"),
    "service links": (check_references, "deployment", "ServiceLinks: false", "ServiceLinks: true", "rejects"),
    "an unknown setting": (check_settings, "configmap", "RISK_WORKERS", "RISK_WORKER", "not a setting"),
    "another model": (check_settings, "configmap", "MODEL: /models", "MODEL: /model", "no such mount"),
    "a drain file on the root": (check_settings, "configmap", "/run/delivery-risk/drain", "/run/drain", "no such mount"),
    "too little time to stop": (check_settings, "deployment", "PeriodSeconds: 45", "PeriodSeconds: 40", "killed before"),
    "too short a drain": (check_settings, "deployment", "sleep 10", "sleep 5", "while still ready"),
    "a skip without a reason": (check_policy, "deployment", "=A digest belongs to an image registry, which", "=", "no reason"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_manifest_is_detected(folder, fault):
    check, file, old, new, message = FAULTS[fault]
    replace_text(folder / f"{file}.yaml", old, new)
    with pytest.raises((AssertionError, config.SettingsError), match=message):
        check(folder)


UNSAFE = {
    "CKV_K8S_40": ("runAsUser: 10001", "runAsUser: 0"),
    "CKV_K8S_22": ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
    "CKV_K8S_28": ("drop: [ALL]", "drop: []"),
    "CKV_K8S_20": ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
    "CKV_K8S_31": ("type: RuntimeDefault", "type: Unconfined"),
    "CKV_K8S_38": ("automountServiceAccountToken: false", "automountServiceAccountToken: true"),
    "CKV_K8S_8": ("livenessProbe:", "noLivenessProbe:"),
    "CKV_K8S_13": ("memory: 512Mi", "ephemeral-storage: 512Mi"),
    "CKV_K8S_43": ("checkov.io/skip1: CKV_K8S_43", "checkov.io/skip1: CKV_K8S_8"),
}


def test_every_security_fault_is_detected(folder):
    for check, change in UNSAFE.items():
        shutil.copy(folder / "deployment.yaml", folder / f"{check}.yaml")
        replace_text(folder / f"{check}.yaml", *change)
    with pytest.raises(AssertionError) as failed:
        check_policy(folder)
    seen = re.findall(r"Check: (\w+): .*\n\s*FAILED.*\n\s*File: /(\w+).yaml", str(failed.value))
    assert {(check, check) for check in UNSAFE} <= set(seen)
