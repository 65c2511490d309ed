"""deploy/kserve: the InferenceService by the types of KServe, the Deployment that KServe makes of it, its pod run by podman."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath

import jsonschema
import pytest
import yaml

from service import config
from tests.bearer_tokens import GOOD, line
from tests.deploy import manifests
from tests.deploy.containers import check_scores
from tests.deploy.inference_clients import KNOWN, call, printed, python
from tests.deploy.manifests import KUBERNETES, container, stop_hook
from tests.deploy.programs import output, replace_text
from tests.facts import FEATURES, ORDERS, ROOT, SCORES
from tests.pages import blocks
from tests.servers import free_port, until

pytestmark = pytest.mark.deploy

OF_KSERVE = {"labels", "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "deploymentStrategy"}
"""Members of a predictor that are not members of a pod."""


def read(folder):
    (found,) = manifests.read(folder).values()
    return found


def deployment_of(service):
    """The Deployment that KServe makes in Standard mode, without its defaults."""
    predictor, name = service["spec"]["predictor"], f"{service['metadata']['name']}-predictor"
    labels = {"app": f"isvc.{name}"} | predictor["labels"]
    pod = {key: value for key, value in predictor.items() if key not in OF_KSERVE}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": service["metadata"]["namespace"], "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "strategy": predictor["deploymentStrategy"],
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@cache
def kserve_schema():
    return jsonschema.Draft7Validator(printed("kserve_schema.py"))


def check_schema(folder):
    fault = jsonschema.exceptions.best_match(kserve_schema().iter_errors(read(folder)))
    assert fault is None, fault.message


def check_deployment(folder):
    """What KServe makes is a valid Deployment, as safe as that of deploy/kubernetes, with a container that KServe finds."""
    made = folder / "made"
    made.mkdir()
    deployment = deployment_of(read(folder))
    (made / "deployment.yaml").write_text(yaml.safe_dump(deployment))
    manifests.validate(made / "deployment.yaml", count=1, unknown=0)
    assert container(deployment)["name"] == "kserve-container", "KServe does not find the container"
    shutil.copy(KUBERNETES / "network-policy.yaml", made)
    # The digest belongs to an image registry, which the user sets.
    output(
        "checkov",
        "-d",
        str(made),
        "--framework=kubernetes",
        "--skip-download",
        "--compact",
        "--quiet",
        "--skip-check=CKV_K8S_43",
    )


def check_agreement(folder):
    """The pod differs from that of deploy/kubernetes in what KServe needs alone: names, port and the paths of the probes."""
    service, known = read(folder), manifests.read(KUBERNETES)
    ours, theirs = deployment_of(service)["spec"]["template"]["spec"], known["Deployment"]["spec"]["template"]["spec"]
    for name in theirs.keys() - {"containers", "topologySpreadConstraints"}:
        assert ours[name] == theirs[name], f"another {name}"
    (made,), (other,) = ours["containers"], theirs["containers"]
    for name in ("image", "resources", "securityContext", "volumeMounts", "lifecycle"):
        assert made[name] == other[name], f"another {name}"
    port = made["ports"][0]["name"]
    for name, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
        probe = {"httpGet": {"path": f"/v2/health/{path}", "port": port}}
        assert made[f"{name}Probe"] == other[f"{name}Probe"] | probe, "another probe"
    policy = known["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= service["spec"]["predictor"]["labels"].items(), "no network policy"
    assert {port} == {allowed["port"] for rule in policy["ingress"] for allowed in rule["ports"]}, "no such port"
    assert service["metadata"]["namespace"] == known["Namespace"]["metadata"]["name"], "another namespace"
    given = {each["name"]: each["value"] for each in made["env"]}
    assert given.pop("PROTOCOL") == "v2", "KServe would speak v1"
    assert given == known["ConfigMap"]["data"], "other settings"
    config.load(given)


@pytest.fixture
def folder(deploy):
    return deploy / "kserve"


@pytest.mark.parametrize("check", [check_schema, check_deployment, check_agreement])
def test_the_manifest_is_valid(check, folder):
    check(folder)


FAULTS = {
    "an unknown member of a predictor": (check_schema, "scaleTarget: 70", "scaleTargets: 70", "scaleTargets"),
    "an unknown member of a probe": (check_schema, "failureThreshold: 2", "failures: 2", "failures"),
    "a text for a number": (check_schema, "minReplicas: 2", 'minReplicas: "2"', "'2'"),
    "no name of a volume": (
        check_deployment,
        "- name: models\n        persistentVolumeClaim",
        "- persistentVolumeClaim",
        "name",
    ),
    "another container": (check_deployment, "name: kserve-container", "name: service", "does not find"),
    "a right more": (check_deployment, "drop: [ALL]", "drop: []", "CKV_K8S_28"),
    "no network policy": (check_agreement, "app.kubernetes.io/name: delivery-risk", "app: delivery-risk", "no network policy"),
    "another protocol": (check_agreement, "value: v2", "value: v1", "would speak v1"),
    "another path": (check_agreement, "path: /v2/health/ready", "path: /v2/health/live", "another probe"),
    "links to services": (check_agreement, "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"),
    "another setting": (check_agreement, '            value: "30"', '            value: "31"', "other settings"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_manifest_is_detected(folder, fault):
    check, old, new, message = FAULTS[fault]
    replace_text(folder / "inferenceservice.yaml", old, new)
    with pytest.raises(AssertionError, match=message):
        check(folder)


@pytest.fixture(scope="module")
def played(engine, image):
    """A pod of the InferenceService beside that of the registry: the name of its container, and a client with a token.

    Its secret is a directory, because podman has no volumes of secrets.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "tokens").mkdir(mode=0o755)
        (folder / "tokens" / "tokens").write_text(line(GOOD, "score,read"))
        deployment = deployment_of(read(ROOT / "deploy" / "kserve"))
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "isvc"}, "spec": deployment["spec"]["template"]["spec"]}
        service, volume = container(deployment), manifests.secret_volume(deployment)
        service["imagePullPolicy"] = "Never"
        service["ports"][0] |= {"hostIP": "127.0.0.1", "hostPort": port}
        del volume["secret"]
        volume["hostPath"] = {"path": str(folder / "tokens"), "type": "Directory"}
        with manifests.registry_running(engine, folder), engine.playing(folder / "isvc.yaml", [pod]):
            path = service["readinessProbe"]["httpGet"]["path"]
            yield "isvc-kserve-container", replace(engine.client("isvc-kserve-container", port, path=path), token=GOOD)


def test_the_pod_answers_the_probes_and_the_clients_of_kserve(played, clients):
    _, client = played
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        path = container(deployment_of(read(ROOT / "deploy" / "kserve")))[probe]["httpGet"]["path"]
        assert replace(client, token=None).call("GET", path)[0] == 200
    check_scores(client)
    rows = [[order[name] for name in FEATURES] for order in ORDERS]
    calls = [call("kserve_infer", KNOWN, outputs=[("score", True)]), call("sync_infer", KNOWN)]
    calls += [{"call": "v1_infer", "body": {"instances": rows}}]
    calls += [{"call": "kserve_call", "method": "is_model_ready", "arguments": ["delivery-risk"]}]
    kserve, triton, v1, ready = clients.outcomes(client, calls)
    assert [found["outputs"]["score"]["data"] for found in (kserve, triton)] == [SCORES, SCORES]
    assert (v1["predictions"], ready) == (SCORES, True)


def test_the_python_of_the_guide_prints_the_score_of_an_order(played):
    _, client = played
    (script,) = blocks("python", (ROOT / "docs" / "operations" / "kserve.md").read_text())
    script = script.replace("http://delivery-risk-predictor.delivery-risk", f"http://127.0.0.1:{client.port}")
    script = script.replace("Bearer ...", f"Bearer {client.token}")
    done = subprocess.run([python(), "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"[[{SCORES[0]:.8f}]]\n", done.stderr


def test_the_pod_is_not_ready_while_the_hook_before_a_stop_runs_and_stops_with_exit_code_0(engine, played):
    name, client = played
    deployment = deployment_of(read(ROOT / "deploy" / "kserve"))
    environment = {each["name"]: each["value"] for each in container(deployment)["env"]}
    file = PurePosixPath(environment["DELIVERY_RISK_DRAIN_FILE"])
    slept = sum(map(int, re.findall(r"sleep (\d+)", " ".join(stop_hook(deployment)))))
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > slept + 30
    engine.podman("exec", name, "touch", str(file))
    assert until(lambda: client.call("GET", "/v2/health/ready")[0] == 503, 5)
    assert client.call("GET", "/v2/health/live")[0] == 200
    engine.podman("exec", name, "rm", str(file))
    assert until(lambda: client.call("GET", "/v2/health/ready")[0] == 200, 5)
    assert engine.exit_code(name) == 0, engine.log(name)
