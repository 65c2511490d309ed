"""deploy/kubernetes run by podman: the pod of the registry, and replicas with and without the documented secret."""

import json
import re
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import yaml

from tests.bearer_tokens import GOOD, OTHER, line
from tests.deploy import manifests
from tests.deploy.containers import check_scores
from tests.deploy.manifests import GUIDE, KUBERNETES, container, stop_hook
from tests.deploy.nginx import JSON
from tests.deploy.programs import output, replace_text
from tests.deploy.promql import RUNBOOK
from tests.facts import ORDERS
from tests.servers import free_port, until

pytestmark = pytest.mark.deploy

(SECRET,) = re.findall(r"^kubectl .* create secret .*$", GUIDE, re.MULTILINE)
TOKENS = {"tokens": line(GOOD, "score") + line(OTHER, "read", "prometheus"), "scraper": OTHER}
NEXT_VERSION = """
from dataclasses import replace
from model.artifact import model_file
from model.packaged import packaged_model
made = packaged_model()
model_file.write(replace(made, manifest=replace(made.manifest, version="1.0.1")), "/dev/shm/next.npz")
"""


def check_probes(folder, client):
    """The requests of the kubelet's probes and of Prometheus succeed."""
    known = manifests.read(folder)
    service = container(known["Deployment"])
    probes = {name: service[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    for name, probe in probes.items():
        assert probe["port"] in {port["name"] for port in service["ports"]}
        assert client.call("GET", probe["path"])[0] == 200, f"the {name} probe fails"
    assert probes["liveness"]["path"] != probes["readiness"]["path"]
    (endpoint,) = known["ServiceMonitor"]["spec"]["endpoints"]
    scraper = replace(client, token=TOKENS.get(endpoint["authorization"]["credentials"]["key"]))
    status, _, text = scraper.call("GET", endpoint["path"])
    assert status == 200, "Prometheus finds no metrics"
    assert b"delivery_risk_model_info" in text


@contextmanager
def replica(engine, folder, name, path="/readyz"):
    """A running replica of the Deployment: the name of its container, and a client.

    Its secret is in `folder / name`, because podman has no volumes of secrets.
    """
    known, port = manifests.read(KUBERNETES), free_port()
    deployment = known["Deployment"]
    deployment["metadata"]["name"] = name
    deployment["spec"]["replicas"] = 1
    service, volume = container(deployment), manifests.secret_volume(deployment)
    service["imagePullPolicy"] = "Never"
    service["ports"][0] |= {"hostIP": "127.0.0.1", "hostPort": port}
    assert volume.pop("secret")["optional"]
    volume["hostPath"] = {"path": str(folder / name), "type": "Directory"}
    with engine.playing(folder / f"{name}.yaml", [known["ConfigMap"], deployment]):
        yield f"{name}-pod-0-service", engine.client(f"{name}-pod-0-service", port, path=path)


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """The secret that the documented command makes."""
    folder = tmp_path_factory.mktemp("secret")
    for name, content in TOKENS.items():
        (folder / name).write_text(content)
    return yaml.safe_load(output(*shlex.split(SECRET), "--dry-run=client", "--output=yaml", cwd=folder))


@pytest.fixture(scope="module")
def folder():
    """A directory that the user of the image can read, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def registry(engine, image, folder):
    """The name of the registry's container, once it has published the first model."""
    with manifests.registry_running(engine, folder) as name:
        yield name


@pytest.fixture(scope="module")
def deployed(engine, registry, folder, secret):
    """A replica with its secret: the name of its container, and a client with a token."""
    manifests.unpack(secret, folder / "delivery-risk")
    with replica(engine, folder, "delivery-risk") as (name, client):
        yield name, replace(client, token=GOOD)


def test_a_replica_without_its_secret_runs_and_rejects_every_caller_until_the_secret_exists(engine, registry, folder, secret):
    (folder / "closed").mkdir(mode=0o755)
    with replica(engine, folder, "closed", "/livez") as (_, client):
        assert client.call("GET", "/livez")[0] == 200
        status, _, body = client.call("GET", "/readyz")
        assert (status, b"No token is valid" in body) == (503, True), body
        known, batch = replace(client, token=GOOD), json.dumps({"orders": ORDERS}).encode()
        for caller in (client, known):
            assert caller.call("POST", "/score", batch, JSON)[0] == 401
            assert caller.call("GET", "/metrics")[0] == 401
        manifests.unpack(secret, folder / "closed")
        # Each worker reads the tokens by itself: so many answers in a row come from all of them.
        assert until(lambda: all(known.call("POST", "/score", batch, JSON)[0] == 200 for _ in range(20)))
        check_scores(known)
        assert known.call("GET", "/metrics")[0] == 403
        assert client.call("POST", "/score", b"", JSON)[0] == 401


def test_the_deployment_runs_within_its_limits_and_without_rights(engine, deployed):
    name, client = deployed
    check_probes(KUBERNETES, client)
    check_scores(client)
    limits = container(manifests.read(KUBERNETES)["Deployment"])["resources"]["limits"]
    engine.check_limits(name, float(limits["cpu"]), int(limits["memory"].removesuffix("Mi")))
    assert engine.podman("exec", name, "id", "-u").strip() == "10001"
    assert "Read-only" in engine.run("podman", "exec", name, "touch", "/models/x").stderr
    assert "Seccomp:\t2" in engine.podman("exec", name, "cat", "/proc/1/status")
    assert " 0 failed" in engine.podman("exec", name, "delivery-risk", "doctor")


def test_the_runbooks_command_on_the_registry_names_its_pod():
    command = r"^kubectl -n delivery-risk exec (\S+) -- delivery-risk model rollback --in /models$"
    assert re.findall(command, RUNBOOK, re.MULTILINE) == [manifests.registry_pod(KUBERNETES)[1]["metadata"]["name"]]


def test_a_replica_serves_what_is_promoted_in_the_registry_and_cannot_change_it(engine, registry, deployed):
    name, client = deployed

    def model(container, words):
        return ("podman", "exec", container, "delivery-risk", "model", *words.split())

    listed = [engine.output(*model(each, "list --in /models")) for each in (name, registry)]
    assert listed[0] == listed[1]
    rejected = engine.run(*model(name, "promote 1.0.0 --in /models"))
    assert (rejected.returncode != 0, "Read-only" in rejected.stderr) == (True, True)
    engine.podman("exec", registry, "python", "-c", NEXT_VERSION)
    for words in ("publish /dev/shm/next.npz --to /models", "promote 1.0.1 --in /models"):
        engine.output(*model(registry, words))
    assert until(lambda: client.score(ORDERS)["model_version"] == "1.0.1", 10)
    engine.output(*model(registry, "rollback --in /models"))
    assert until(lambda: client.score(ORDERS)["model_version"] == "1.0.0", 10)


def test_a_replica_is_not_ready_but_answers_requests_while_the_hook_before_a_stop_runs(engine, deployed):
    name, client = deployed
    known = manifests.read(KUBERNETES)
    file = known["ConfigMap"]["data"]["DELIVERY_RISK_DRAIN_FILE"]
    hook = ("exec", f"--env=DELIVERY_RISK_DRAIN_FILE={file}", name, *stop_hook(known["Deployment"]))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine.podman, *hook)
        assert until(lambda: engine.podman("exec", name, "ls", str(PurePosixPath(file).parent)) != "", 5)
        assert until(lambda: client.call("GET", "/readyz")[0] == 503, 5)
        assert client.call("GET", "/livez")[0] == 200
        check_scores(client)
        assert not running.done()
        running.result(30)
    assert until(lambda: client.call("GET", "/readyz")[0] == 200, 5)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("deployment.yaml", "path: /livez", "path: /health", "the startup probe fails"),
        ("deployment.yaml", "path: /readyz", "path: /ready", "the readiness probe fails"),
        ("service-monitor.yaml", "path: /metrics", "path: /metric", "no metrics"),
        ("service-monitor.yaml", "key: scraper", "key: scrapers", "no metrics"),
    ],
)
def test_a_probe_that_the_service_does_not_answer_is_detected(deployed, deploy, file, old, new, message):
    replace_text(deploy / "kubernetes" / file, old, new)
    with pytest.raises(AssertionError, match=message):
        check_probes(deploy / "kubernetes", deployed[1])


def test_it_stops_with_exit_code_0(engine, deployed):
    name, _ = deployed
    assert engine.exit_code(name) == 0, engine.log(name)
