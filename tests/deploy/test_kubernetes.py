"""deploy/kubernetes: schemas, policy, how the manifests hang together, and what kustomize makes of them."""

import json
import re
import shutil
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from service import config
from service.telemetry import tracing
from tests.deploy import manifests
from tests.deploy.engine import IMAGE
from tests.deploy.manifests import KUBERNETES, container, drained
from tests.deploy.monitoring import PROMETHEUS
from tests.deploy.panels import dashboard
from tests.deploy.planting import plant
from tests.deploy.programs import run
from tests.facts import ROOT

pytestmark = pytest.mark.deploy

GUIDE = (ROOT / "docs" / "operations" / "kubernetes.md").read_text()
VERSIONS = ("1.31", "1.34", "1.37")
OPERATOR = jsonschema.Draft7Validator(json.loads((ROOT / "tests" / "deploy" / "schemas" / "operator.json").read_text()))


def check_kustomization(folder):
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert sorted(listed["resources"]) == [file.name for file in manifests.files(folder)], "other files than are listed"
    assert [f"{image['name']}:{image['newTag']}" for image in listed["images"]] == [IMAGE], "another image"


def built(folder, kind="Kustomization"):
    """What kubectl makes of a folder, by kind and name; of a component, what it adds to an overlay."""
    if kind == "Component":
        overlay = folder.parent / "overlay"
        overlay.mkdir()
        (overlay / "kustomization.yaml").write_text(f"resources: [../{folder.name}]\ncomponents: [../{folder.name}/tracing]\n")
        folder = overlay
    done = run("kubectl", "kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in yaml.safe_load_all(done.stdout)}


def check_build(folder):
    """kustomize itself puts out each manifest, changed in nothing."""
    made = {kind: manifest for (kind, _), manifest in built(folder).items()}
    assert made == manifests.read(folder), "kustomize changes what stands there"


def check_tracing(folder):
    """The component opens a way out, for the service's pods alone, to where it says that spans go; and changes nothing else."""
    base, made = built(folder), built(folder, "Component")
    changed = {name for name, manifest in made.items() if manifest != base.get(name)}
    assert changed == {("ConfigMap", "delivery-risk"), ("NetworkPolicy", "delivery-risk-traces")}, "changes something else"
    (new,) = set(made["ConfigMap", "delivery-risk"]["data"]) - set(base["ConfigMap", "delivery-risk"]["data"])
    assert new in tracing.ENDPOINTS, "no variable that traces go by"
    endpoint = urlsplit(made["ConfigMap", "delivery-risk"]["data"][new])
    policy = made["NetworkPolicy", "delivery-risk-traces"]["spec"]
    assert policy["podSelector"]["matchLabels"] == base["Service", "delivery-risk"]["spec"]["selector"], "other pods"
    assert policy["policyTypes"] == ["Egress"]
    collector, names = policy["egress"]
    assert collector["ports"] == [{"port": endpoint.port}], "no such port"
    assert collector["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == endpoint.hostname.split(".")[0]
    assert {(port["port"], port["protocol"]) for port in names["ports"]} == {(53, "UDP"), (53, "TCP")}
    place = folder.parent / "built.yaml"
    place.write_text(yaml.safe_dump_all(made.values()))
    check_strictly(place, count=len(made))


def check_schemas(folder):
    check_strictly(*manifests.files(folder), count=len(manifests.read(folder)))
    check_operators(manifests.read(folder)["ServiceMonitor"])


def check_operators(manifest):
    """One that the Prometheus operator takes, by its own types."""
    fault = jsonschema.exceptions.best_match(OPERATOR.iter_errors(manifest))
    assert fault is None, fault.message


def check_strictly(*files, count):
    """So many manifests, but for the ServiceMonitor, which is none of Kubernetes's own kinds."""
    for version in VERSIONS:
        done = run("kubernetes-validate", "--strict", "-k", version, *map(str, files))
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert said.count(" passed for ") == count - 1, said  # what it has no schema for is only a warning


def check_policy(folder):
    done = run("checkov", "-d", str(folder), "--framework=kubernetes", "--skip-download", "--compact", "--quiet")
    assert done.returncode == 0, done.stdout
    text = "".join(file.read_text() for file in manifests.files(folder))
    assert all(re.fullmatch(r"CKV_\w+=\w.{20,}", skip) for skip in re.findall(r"checkov.io/skip\d+: (.*)", text)), "no reason"


def check_wiring(folder):
    """Every name, label and port that one manifest has of another leads to it."""
    known = manifests.read(folder)
    deployment, service = known["Deployment"], known["Service"]
    labels, pod = deployment["spec"]["template"]["metadata"]["labels"], deployment["spec"]["template"]["spec"]
    store = known["StatefulSet"]["spec"]["template"]
    ports = {port["name"] for port in container(deployment)["ports"]}
    namespaces = {manifest["metadata"].get("namespace") for kind, manifest in known.items() if kind != "Namespace"}
    assert namespaces == {known["Namespace"]["metadata"]["name"]}, "another namespace"
    assert known["Namespace"]["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}, "open to any pod"

    selectors = [deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]]
    selectors += [known["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]]
    selectors += [spread["labelSelector"]["matchLabels"] for spread in pod["topologySpreadConstraints"]]
    assert all(selector == labels for selector in selectors), "other pods"
    assert store["metadata"]["labels"] == known["StatefulSet"]["spec"]["selector"]["matchLabels"] != labels, (
        "the store's pod too"
    )
    closed = known["NetworkPolicy"]["spec"]
    assert closed["podSelector"]["matchLabels"].items() <= (labels.items() & store["metadata"]["labels"].items()), "other pods"
    assert closed["egress"] == []

    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, "no such port"
    assert {port["port"] for rule in closed["ingress"] for port in rule["ports"]} == ports, "no such port"
    monitor = known["ServiceMonitor"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items(), "no such service"
    assert {end["port"] for end in monitor["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}, "no such port"
    (job,) = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][:1]
    assert service["metadata"]["labels"].get(monitor["jobLabel"]) == job["job_name"], "another job"

    target = known["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"]), "no such deployment"
    assert "replicas" not in deployment["spec"], "the autoscaler's to say"
    claims = [v["persistentVolumeClaim"] for v in [*pod["volumes"], *store["spec"]["volumes"]] if "persistentVolumeClaim" in v]
    claimed = {claim["claimName"] for claim in claims}
    assert claimed == {known["PersistentVolumeClaim"]["metadata"]["name"]}, "no such claim"
    assert container(deployment)["envFrom"] == [{"configMapRef": {"name": known["ConfigMap"]["metadata"]["name"]}}], (
        "no such map"
    )
    secrets = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert secrets == {end["authorization"]["credentials"]["name"] for end in monitor["endpoints"]}, "another secret"
    for workload in (deployment, known["StatefulSet"]):
        assert container(workload)["image"] == IMAGE, "another image"
        links = workload["spec"]["template"]["spec"].get("enableServiceLinks")
        assert links is False, "variables that the service refuses"


def check_settings(folder):
    """The variables are settings, and what they name lies on a volume of the right kind."""
    known = manifests.read(folder)
    given, deployment = known["ConfigMap"]["data"], known["Deployment"]
    settings = config.load(given)
    kinds = {volume["name"]: set(volume) - {"name"} for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    mounted = {
        mount["mountPath"]: (kinds[mount["name"]], mount.get("readOnly")) for mount in container(deployment)["volumeMounts"]
    }
    assert mounted.get(settings.model) == ({"persistentVolumeClaim"}, True), "no such place"
    drain, tokens = (str(PurePosixPath(given[f"DELIVERY_RISK_{name}_FILE"]).parent) for name in ("DRAIN", "TOKENS"))
    assert mounted.get(drain) == ({"emptyDir"}, None), "no such place"
    assert mounted.get(tokens) == ({"secret"}, True), "no such place"

    slept = sum(map(int, re.findall(r"sleep (\d+)", " ".join(drained(deployment)))))
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > slept + settings.graceful_timeout_seconds, "killed before it has answered"
    probe = container(deployment)["readinessProbe"]
    assert slept > probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"], "stopped before that is known"
    assert settings.workers == float(container(deployment)["resources"]["limits"]["cpu"]), "a core for each worker"


@pytest.fixture
def folder(tmp_path):
    """A copy of deploy/kubernetes."""
    return shutil.copytree(KUBERNETES, tmp_path / "kubernetes")


@pytest.mark.parametrize(
    "check", [check_kustomization, check_build, check_tracing, check_schemas, check_policy, check_wiring, check_settings]
)
def test_the_manifests_are_sound(check, folder):
    check(folder)


def test_the_service_would_not_start_with_the_variables_that_kubernetes_makes_of_its_name():
    name = manifests.read(KUBERNETES)["Service"]["metadata"]["name"].upper().replace("-", "_")
    with pytest.raises(config.SettingsError, match="not a setting"):
        config.load({f"{name}_SERVICE_HOST": "10.0.0.1"})


def rules(folder):
    """What the operator is given."""
    done = run("sh", str(folder / "operator.sh"))
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def test_the_operator_takes_the_rules_as_they_stand():
    made = rules(PROMETHEUS)
    check_operators(made)
    files = [yaml.safe_load(file.read_text()) for file in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    assert made["spec"]["groups"] == [group for file in files for group in file["groups"]]


def test_a_rule_that_the_operator_does_not_take_is_seen(tmp_path):
    folder = shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    plant(folder / "rules" / "alerts.yml", "severity: page", "severity: 1")
    with pytest.raises(AssertionError, match="1 is not"):
        check_operators(rules(folder))


def test_grafana_finds_the_dashboard_in_a_map_that_has_the_label():
    (line,) = re.findall(r"^kubectl .* create configmap .*$", GUIDE, re.MULTILINE)
    made, apply = line.rsplit(" | ", 1)
    assert apply == "kubectl apply -f -"
    done = run("sh", "-ec", made)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)
    assert found["metadata"]["labels"] == {"grafana_dashboard": "1"}
    (text,) = found["data"].values()
    assert json.loads(text) == dashboard()


def test_the_component_is_named_where_it_stands():
    (overlay,) = re.findall(r"```yaml\n(resources: .*?)```", GUIDE, re.DOTALL)
    assert all((ROOT / folder / "kustomization.yaml").is_file() for part in yaml.safe_load(overlay).values() for folder in part)


STATIC = {
    "a namespace that is not theirs": (
        check_build,
        "kustomization.yaml",
        "namespace: delivery-risk",
        "namespace: elsewhere",
        "kustomize changes",
    ),
    "a way out to another port": (check_tracing, "tracing/network-policy.yaml", "port: 4318", "port: 4317", "no such port"),
    "a way out for the store": (
        check_tracing,
        "tracing/network-policy.yaml",
        "      app.kubernetes.io/component: service\n",
        "",
        "other pods",
    ),
    "an endpoint by another name": (
        check_tracing,
        "tracing/kustomization.yaml",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_ENDPOINT",
        "no variable",
    ),
    "a way out that kustomize does not know of": (
        check_tracing,
        "tracing/kustomization.yaml",
        "resources:\n  - network-policy.yaml\n",
        "",
        "changes something else",
    ),
    "a file that is not listed": (check_kustomization, "kustomization.yaml", "  - network-policy.yaml\n", "", "other files"),
    "a namespace for any pod": (check_wiring, "namespace.yaml", "enforce: restricted", "enforce: baseline", "open to any pod"),
    "another tag": (check_kustomization, "kustomization.yaml", "newTag: 0.1.0", "newTag: 0.0.9", "another image"),
    "a key that is not one": (check_schemas, "deployment.yaml", "livenessProbe:", "livelinessProbe:", "livelinessProbe"),
    "a number for a text": (check_schemas, "configmap.yaml", '"30"', "30", "30"),
    "a version that is gone": (check_schemas, "autoscaler.yaml", "autoscaling/v2", "autoscaling/v2beta2", "v2beta2"),
    "a monitor's key that is not one": (check_schemas, "service-monitor.yaml", "interval:", "every:", "every"),
    "the Service on other pods": (check_wiring, "service.yaml", "component: service", "component: server", "other pods"),
    "the Service on the store's pod": (check_wiring, "models.yaml", "component: store", "component: service", "the store's"),
    "a job by another name": (
        check_wiring,
        "service-monitor.yaml",
        "jobLabel: app.kubernetes.io/name",
        "jobLabel: app",
        "another job",
    ),
    "a port that is not there": (check_wiring, "service.yaml", "targetPort: http", "targetPort: web", "no such port"),
    "a monitor's port that is not there": (check_wiring, "service-monitor.yaml", "port: http", "port: web", "no such port"),
    "a policy for another port": (check_wiring, "network-policy.yaml", "port: http", "port: 8080", "no such port"),
    "a budget for other pods": (check_wiring, "disruption-budget.yaml", "component: service", "component: web", "other pods"),
    "a scaler of nothing": (
        check_wiring,
        "autoscaler.yaml",
        "name: delivery-risk\n  min",
        "name: risk\n  min",
        "no such deploy",
    ),
    "a claim of nothing": (
        check_wiring,
        "deployment.yaml",
        "claimName: delivery-risk-models",
        "claimName: models",
        "no such claim",
    ),
    "variables of Services": (
        check_wiring,
        "deployment.yaml",
        "enableServiceLinks: false",
        "enableServiceLinks: true",
        "refuses",
    ),
    "a setting that is not one": (check_settings, "configmap.yaml", "RISK_WORKERS", "RISK_WORKER", "not a setting"),
    "a model elsewhere": (check_settings, "configmap.yaml", "MODEL: /models", "MODEL: /model", "no such place"),
    "a drain file on the root": (check_settings, "configmap.yaml", "/run/delivery-risk/drain", "/run/drain", "no such place"),
    "too little time to stop": (check_settings, "deployment.yaml", "PeriodSeconds: 45", "PeriodSeconds: 40", "killed before"),
    "too short a drain": (check_settings, "deployment.yaml", "sleep 10", "sleep 5", "before that is known"),
}


@pytest.mark.parametrize("fault", STATIC)
def test_a_fault_in_a_manifest_is_seen(folder, fault):
    check, file, old, new, said = STATIC[fault]
    plant(folder / file, old, new)
    with pytest.raises((AssertionError, config.SettingsError), match=said):
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


def test_every_fault_in_security_is_seen(folder):
    sound = (folder / "deployment.yaml").read_text()
    for check, (old, new) in UNSAFE.items():
        assert old in sound
        (folder / f"{check}.yaml").write_text(sound.replace(old, new))
    with pytest.raises(AssertionError) as red:
        check_policy(folder)
    seen = re.findall(r"Check: (\w+): .*\n\s*FAILED.*\n\s*File: /(\w+).yaml", str(red.value))
    assert {(check, check) for check in UNSAFE} <= set(seen)


def test_a_skip_without_a_reason_is_seen(folder):
    plant(folder / "deployment.yaml", "=A digest belongs to an image registry, which the overlay sets.", "=later")
    with pytest.raises(AssertionError, match="no reason"):
        check_policy(folder)
