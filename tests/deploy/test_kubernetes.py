"""deploy/kubernetes: schemas, policy, how the manifests hang together, and the Deployment, run."""

import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import pytest
import yaml

from service import config
from tests.deploy import manifests
from tests.deploy.engine import IMAGE
from tests.deploy.manifests import container
from tests.deploy.orders import check_orders
from tests.deploy.programs import run
from tests.servers import ROOT, free_port

pytestmark = pytest.mark.deploy

KUBERNETES = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.31", "1.34", "1.37")
MONITOR = {  # the operator's own schema is not among Kubernetes's: what may stand there of it
    "spec": {"selector", "endpoints", "namespaceSelector", "jobLabel", "targetLabels", "podTargetLabels", "sampleLimit"},
    "endpoints": {"port", "path", "interval", "scrapeTimeout", "scheme", "authorization", "honorLabels", "metricRelabelings"},
    "authorization": {"type", "credentials"},
    "credentials": {"name", "key", "optional"},
}


def check_kustomization(folder):
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert sorted(listed["resources"]) == [file.name for file in manifests.files(folder)], "other files than are listed"
    assert [f"{image['name']}:{image['newTag']}" for image in listed["images"]] == [IMAGE], "another image"


def check_build(folder):
    """kustomize itself puts out each manifest, changed in nothing."""
    command = ("kustomize", "build") if shutil.which("kustomize") else ("kubectl", "kustomize")
    done = run(*command, str(folder))
    assert done.returncode == 0, done.stderr
    built = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(done.stdout)}
    assert built == manifests.read(folder), "kustomize changes what stands there"


def check_schemas(folder):
    files = [str(file) for file in manifests.files(folder) if "kind: ServiceMonitor" not in file.read_text()]
    known = manifests.read(folder)
    for version in VERSIONS:
        done = run("kubernetes-validate", "--strict", "-k", version, *files)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert said.count(" passed for ") == len(known) - 1, said  # what it has no schema for is only a warning
    monitor = known["ServiceMonitor"]["spec"]
    assert set(monitor) <= MONITOR["spec"], "unknown to a ServiceMonitor"
    for endpoint in monitor["endpoints"]:
        authorization = endpoint.get("authorization", {})
        assert set(endpoint) <= MONITOR["endpoints"], "unknown to a ServiceMonitor"
        assert set(authorization) <= MONITOR["authorization"], "unknown to a ServiceMonitor"
        assert set(authorization.get("credentials", {})) <= MONITOR["credentials"], "unknown to a ServiceMonitor"


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
    job = known["Job"]["spec"]["template"]
    ports = {port["name"] for port in container(deployment)["ports"]}
    namespaces = {manifest["metadata"].get("namespace") for kind, manifest in known.items() if kind != "Namespace"}
    assert namespaces == {known["Namespace"]["metadata"]["name"]}, "another namespace"

    selectors = [deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]]
    selectors += [known["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]]
    selectors += [spread["labelSelector"]["matchLabels"] for spread in pod["topologySpreadConstraints"]]
    assert all(selector == labels for selector in selectors), "other pods"
    assert job["metadata"]["labels"] != labels, "the job's pods too"
    closed = known["NetworkPolicy"]["spec"]
    assert closed["podSelector"]["matchLabels"].items() <= (labels.items() & job["metadata"]["labels"].items()), "other pods"
    assert closed["egress"] == []

    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, "no such port"
    assert {port["port"] for rule in closed["ingress"] for port in rule["ports"]} == ports, "no such port"
    monitor = known["ServiceMonitor"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items(), "no such service"
    assert {end["port"] for end in monitor["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}, "no such port"

    target = known["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"]), "no such deployment"
    assert "replicas" not in deployment["spec"], "the autoscaler's to say"
    claims = [v["persistentVolumeClaim"] for v in [*pod["volumes"], *job["spec"]["volumes"]] if "persistentVolumeClaim" in v]
    claimed = {claim["claimName"] for claim in claims}
    assert claimed == {known["PersistentVolumeClaim"]["metadata"]["name"]}, "no such claim"
    assert container(deployment)["envFrom"] == [{"configMapRef": {"name": known["ConfigMap"]["metadata"]["name"]}}], (
        "no such map"
    )
    secrets = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert secrets == {end["authorization"]["credentials"]["name"] for end in monitor["endpoints"]}, "another secret"
    for workload in (deployment, known["Job"]):
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


def check_probes(folder, client):
    """What the kubelet would ask for, asked; and what Prometheus would."""
    known = manifests.read(folder)
    service = container(known["Deployment"])
    probes = {name: service[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    for name, probe in probes.items():
        assert probe["port"] in {port["name"] for port in service["ports"]}
        assert client.call("GET", probe["path"])[0] == 200, f"the {name} probe fails"
    assert probes["liveness"]["path"] != probes["readiness"]["path"]
    (endpoint,) = known["ServiceMonitor"]["spec"]["endpoints"]
    status, _, text = client.call("GET", endpoint["path"])
    assert status == 200, "Prometheus finds no metrics"
    assert b"delivery_risk_model_info" in text


def drained(deployment):
    return container(deployment)["lifecycle"]["preStop"]["exec"]["command"]


@pytest.fixture
def folder(tmp_path):
    """A copy of deploy/kubernetes."""
    return shutil.copytree(KUBERNETES, tmp_path / "kubernetes")


@pytest.fixture(scope="module")
def played(engine, image, tmp_path_factory):
    """The Deployment, run by podman: its container's name, and a client of it."""
    place, port = tmp_path_factory.mktemp("play"), free_port()
    without = {"DELIVERY_RISK_TOKENS_FILE"}
    for name, content in (("first", manifests.first(KUBERNETES)), ("then", manifests.then(KUBERNETES, port, without))):
        (place / name).write_text(yaml.safe_dump_all(content))
    engine.podman("play", "kube", str(place / "first"))
    assert engine.podman("wait", "first-model-first-model").strip() == "0", engine.log("first-model-first-model")
    engine.podman("play", "kube", str(place / "then"))
    name = "delivery-risk-pod-0-service"
    yield name, engine.client(name, port)
    for content in ("then", "first"):
        engine.podman("play", "kube", "--down", str(place / content))


@pytest.mark.parametrize("check", [check_kustomization, check_schemas, check_policy, check_wiring, check_settings])
def test_the_manifests_are_sound(check, folder):
    check(folder)


def test_the_service_would_not_start_with_the_variables_that_kubernetes_makes_of_its_name():
    name = manifests.read(KUBERNETES)["Service"]["metadata"]["name"].upper().replace("-", "_")
    with pytest.raises(config.SettingsError, match="not a setting"):
        config.load({f"{name}_SERVICE_HOST": "10.0.0.1"})


@pytest.mark.skipif(not (shutil.which("kustomize") or shutil.which("kubectl")), reason="neither kustomize nor kubectl is here")
def test_kustomize_builds_them_as_they_stand(folder):
    check_build(folder)
    plant(folder, "kustomization.yaml", "namespace: delivery-risk", "namespace: elsewhere")
    with pytest.raises(AssertionError, match="kustomize changes"):
        check_build(folder)


def test_the_deployment_runs_as_it_is_written(engine, played):
    name, client = played
    check_probes(KUBERNETES, client)
    check_orders(client)
    inside = engine.inspect(name)
    limits = container(manifests.read(KUBERNETES)["Deployment"])["resources"]["limits"]
    assert inside["HostConfig"]["ReadonlyRootfs"]
    assert not inside["EffectiveCaps"]
    assert f"{inside['HostConfig']['Memory'] // 2**20}Mi" == limits["memory"]
    assert inside["HostConfig"]["NanoCpus"] == float(limits["cpu"]) * 10**9
    assert engine.podman("exec", name, "id", "-u").strip() == "10001"
    assert "Read-only" in run("podman", "exec", name, "touch", "/models/x", **engine.environment).stderr
    assert "Seccomp:\t2" in engine.podman("exec", name, "cat", "/proc/1/status")


def test_the_hook_before_a_stop_says_not_ready_while_requests_are_answered(engine, played):
    name, client = played
    known = manifests.read(KUBERNETES)
    file = known["ConfigMap"]["data"]["DELIVERY_RISK_DRAIN_FILE"]
    with ThreadPoolExecutor(1) as pool:
        hook = pool.submit(engine.podman, "exec", f"--env=DELIVERY_RISK_DRAIN_FILE={file}", name, *drained(known["Deployment"]))
        deadline = time.monotonic() + 5
        while engine.podman("exec", name, "ls", str(PurePosixPath(file).parent)) == "":
            assert time.monotonic() < deadline
        assert client.call("GET", "/readyz")[0] == 503
        assert client.call("GET", "/livez")[0] == 200
        check_orders(client)
        assert not hook.done()
        hook.result(30)
    assert client.call("GET", "/readyz")[0] == 200


STATIC = {
    "a file that is not listed": (check_kustomization, "kustomization.yaml", "  - network-policy.yaml\n", "", "other files"),
    "another tag": (check_kustomization, "kustomization.yaml", "newTag: 0.1.0", "newTag: 0.0.9", "another image"),
    "a key that is not one": (check_schemas, "deployment.yaml", "livenessProbe:", "livelinessProbe:", "livelinessProbe"),
    "a number for a text": (check_schemas, "configmap.yaml", '"30"', "30", "30"),
    "a version that is gone": (check_schemas, "autoscaler.yaml", "autoscaling/v2", "autoscaling/v2beta2", "v2beta2"),
    "a monitor's key that is not one": (check_schemas, "service-monitor.yaml", "interval:", "every:", "unknown to"),
    "the Service on other pods": (check_wiring, "service.yaml", "component: service", "component: server", "other pods"),
    "the Service on the job's pods": (check_wiring, "models.yaml", "component: first-model", "component: service", "the job's"),
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
    plant(folder, file, old, new)
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


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("deployment.yaml", "path: /livez", "path: /healthz", "the liveness probe fails"),
        ("deployment.yaml", "path: /readyz", "path: /ready", "the startup probe fails"),
        ("service-monitor.yaml", "path: /metrics", "path: /metric", "no metrics"),
    ],
)
def test_a_path_that_is_not_the_services_is_seen(played, folder, file, old, new, said):
    plant(folder, file, old, new)
    with pytest.raises(AssertionError, match=said):
        check_probes(folder, played[1])


def test_a_skip_without_a_reason_is_seen(folder):
    plant(folder, "deployment.yaml", "=A digest belongs to a registry, which is the overlay's to name.", "=later")
    with pytest.raises(AssertionError, match="no reason"):
        check_policy(folder)


def test_it_stops_with_exit_code_0(engine, played):
    name, _ = played
    assert engine.exit_code(name) == 0, engine.log(name)


def plant(folder, file, old, new):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
