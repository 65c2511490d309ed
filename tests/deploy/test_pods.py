"""deploy/kubernetes as pods, run by podman: the store's, and the service's with the documented secret and without."""

import json
import re
import shlex
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import yaml

from tests.bearer_tokens import GOOD, OTHER, line
from tests.deploy import manifests
from tests.deploy.manifests import KUBERNETES, container, drained
from tests.deploy.orders import ORDERS, check_orders
from tests.deploy.planting import plant
from tests.deploy.programs import run
from tests.facts import ROOT
from tests.servers import free_port, until

pytestmark = pytest.mark.deploy

JSON = {"Content-Type": "application/json"}
RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text()
_GUIDE = ROOT / "docs" / "operations" / "kubernetes.md"
(SECRET,) = re.findall(r"^kubectl .* create secret .*$", _GUIDE.read_text(), re.MULTILINE)
TOKENS = {"tokens": line(GOOD, "score") + line(OTHER, "read", "prometheus"), "scraper": OTHER}


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
    scraper = replace(client, token=TOKENS.get(endpoint["authorization"]["credentials"]["key"]))
    status, _, text = scraper.call("GET", endpoint["path"])
    assert status == 200, "Prometheus finds no metrics"
    assert b"delivery_risk_model_info" in text


@contextmanager
def playing(engine, place, name, content):
    """What podman makes of these manifests, until the block ends."""
    file = place / name
    file.write_text(yaml.safe_dump_all(content))
    engine.podman("play", "kube", str(file))
    try:
        yield
    finally:
        engine.podman("play", "kube", "--down", str(file))


@contextmanager
def replica(engine, place, name, up="/readyz"):
    """A replica of the Deployment that is up: its container's name, and a client of it. Its secret lies in this place."""
    port, secret = free_port(), place / name
    with playing(engine, place, f"{name}.yaml", manifests.replica(KUBERNETES, port, secret, name)):
        yield f"{name}-pod-0-service", engine.client(f"{name}-pod-0-service", port, path=up)


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """What kubectl makes of the documented line."""
    place = tmp_path_factory.mktemp("secret")
    for name, content in TOKENS.items():
        (place / name).write_text(content)
    done = run(*shlex.split(SECRET), "--dry-run=client", "--output=yaml", cwd=place)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture(scope="module")
def place():
    """A directory that the image's user may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


@pytest.fixture(scope="module")
def store(engine, image, place):
    """The pod that has the volume to itself, once it has put the first model there: its container's name."""
    name = "delivery-risk-store-0-store"
    ready = container(manifests.read(KUBERNETES)["StatefulSet"])["readinessProbe"]["exec"]["command"]
    with playing(engine, place, "store.yaml", manifests.store(KUBERNETES)):
        assert until(lambda: run("podman", "exec", name, *ready, **engine.environment).returncode == 0, 20), engine.log(name)
        yield name


@pytest.fixture(scope="module")
def played(engine, store, place, secret):
    """The Deployment, run by podman with its secret: its container's name, and a client that has a token."""
    manifests.unpack(secret, KUBERNETES, place / "delivery-risk")
    with replica(engine, place, "delivery-risk") as (name, client):
        yield name, replace(client, token=GOOD)


def test_without_its_secret_a_replica_lives_and_refuses_every_caller_until_there_is_one(engine, store, place, secret):
    (place / "closed").mkdir(mode=0o755)
    with replica(engine, place, "closed", "/livez") as (_, client):
        assert client.call("GET", "/livez")[0] == 200
        status, _, told = client.call("GET", "/readyz")
        assert (status, b"No token is valid" in told) == (503, True), told
        known, batch = replace(client, token=GOOD), json.dumps({"orders": ORDERS}).encode()
        for caller in (client, known):
            assert caller.call("POST", "/score", batch, JSON)[0] == 401
            assert caller.call("GET", "/metrics")[0] == 401
        manifests.unpack(secret, KUBERNETES, place / "closed")
        assert until(lambda: known.call("POST", "/score", batch, JSON)[0] == 200)
        check_orders(known)
        assert known.call("GET", "/metrics")[0] == 403
        assert client.call("POST", "/score", b"", JSON)[0] == 401


def test_the_deployment_runs_as_it_is_written(engine, played):
    name, client = played
    check_probes(KUBERNETES, client)
    check_orders(client)
    limits = container(manifests.read(KUBERNETES)["Deployment"])["resources"]["limits"]
    engine.check_held(name, float(limits["cpu"]), int(limits["memory"].removesuffix("Mi")))
    assert engine.podman("exec", name, "id", "-u").strip() == "10001"
    assert "Read-only" in run("podman", "exec", name, "touch", "/models/x", **engine.environment).stderr
    assert "Seccomp:\t2" in engine.podman("exec", name, "cat", "/proc/1/status")
    assert " 0 failed" in engine.podman("exec", name, "delivery-risk", "doctor")


def test_the_runbooks_command_on_the_store_names_the_stores_pod():
    (pod,) = re.findall(
        r"^kubectl -n delivery-risk exec (\S+) -- delivery-risk model rollback --in /models$", RUNBOOK, re.MULTILINE
    )
    assert pod == manifests.store(KUBERNETES)[1]["metadata"]["name"]


def test_what_is_promoted_in_the_store_is_served_by_the_replica_which_cannot_change_it(engine, store, played):
    name, client = played
    say = ("model", "list", "--in", "/models")
    assert engine.podman("exec", name, "delivery-risk", *say) == engine.podman("exec", store, "delivery-risk", *say)
    refused = run("podman", "exec", name, "delivery-risk", "model", "promote", "1.0.0", "--in", "/models", **engine.environment)
    assert refused.returncode != 0
    assert "Read-only" in refused.stderr
    made = "from dataclasses import replace; from model import artifact, default; made = default.default_model(); "
    made += "artifact.write(replace(made, manifest=replace(made.manifest, version='1.0.1')), '/dev/shm/next.npz')"
    engine.podman("exec", store, "python", "-c", made)
    for words in ("publish /dev/shm/next.npz --to /models", "promote 1.0.1 --in /models"):
        engine.podman("exec", store, "delivery-risk", "model", *words.split())
    assert until(lambda: client.score(ORDERS)["model_version"] == "1.0.1", 10)
    engine.podman("exec", store, "delivery-risk", "model", "rollback", "--in", "/models")
    assert until(lambda: client.score(ORDERS)["model_version"] == "1.0.0", 10)


def test_the_hook_before_a_stop_says_not_ready_while_requests_are_answered(engine, played):
    name, client = played
    known = manifests.read(KUBERNETES)
    file = known["ConfigMap"]["data"]["DELIVERY_RISK_DRAIN_FILE"]
    with ThreadPoolExecutor(1) as pool:
        hook = pool.submit(engine.podman, "exec", f"--env=DELIVERY_RISK_DRAIN_FILE={file}", name, *drained(known["Deployment"]))
        assert until(lambda: engine.podman("exec", name, "ls", str(PurePosixPath(file).parent)) != "", 5)
        assert client.call("GET", "/readyz")[0] == 503
        assert client.call("GET", "/livez")[0] == 200
        check_orders(client)
        assert not hook.done()
        hook.result(30)
    assert client.call("GET", "/readyz")[0] == 200


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("deployment.yaml", "path: /livez", "path: /healthz", "the startup probe fails"),
        ("deployment.yaml", "path: /readyz", "path: /ready", "the readiness probe fails"),
        ("service-monitor.yaml", "path: /metrics", "path: /metric", "no metrics"),
        ("service-monitor.yaml", "key: scraper", "key: scrapers", "no metrics"),
    ],
)
def test_a_path_that_is_not_the_services_is_seen(played, tmp_path, file, old, new, said):
    folder = shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    plant(folder / file, old, new)
    with pytest.raises(AssertionError, match=said):
        check_probes(folder, played[1])


def test_it_stops_with_exit_code_0(engine, played):
    name, _ = played
    assert engine.exit_code(name) == 0, engine.log(name)
