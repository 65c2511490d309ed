"""deploy/compose.yaml: its schema, mounts and ports, and all its services except Grafana, run."""

import json
import re
import shlex
from contextlib import contextmanager

import pytest
import yaml

from service import config
from tests.deploy.containers import IMAGE, STAND_INS, check_scores
from tests.deploy.monitoring import Monitoring
from tests.deploy.programs import output, replace_text
from tests.deploy.promql import RUNBOOK
from tests.facts import ORDERS
from tests.servers import free_port, until

pytestmark = pytest.mark.deploy

PROJECT = "test"


def services(file):
    return yaml.safe_load(file.read_text())["services"]


def container(name):
    return f"{PROJECT}_{name}_1"


def check_schema(file):
    output("docker-compose", "-f", str(file), "config", "--quiet")


def check_mounts(file):
    missing = {path for path in re.findall(r"- \./([^:]+):", file.read_text()) if not (file.parent / path).exists()}
    assert not missing, f"there is no {missing}"


def check_hardened(file):
    """Only volumes are writable, only named capabilities are added, and ports are local."""
    for name, service in services(file).items():
        assert service.get("read_only"), f"the root of {name} is writable"
        assert service.get("cap_drop") == ["ALL"], f"{name} has capabilities"
        assert service.get("security_opt") == ["no-new-privileges:true"], f"{name} may gain privileges"
        assert not {"privileged", "user", "userns_mode", "pid", "devices"} & set(service), f"{name} has more rights"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"{name} is open to other machines"
        assert re.fullmatch(r".+:v?[0-9.]+", service["image"]), f"{name} has a moving tag"


def check_times(file):
    seconds = int(services(file)["delivery-risk"]["stop_grace_period"].removesuffix("s"))
    assert seconds > config.SETTINGS["graceful_timeout_seconds"].load_default, "killed before its answers"


@contextmanager
def composed(engine, file, *names):
    """These services and their dependencies, on free local ports, until the block ends: a function to get a client of each."""
    ports = {name: free_port() for name, service in services(file).items() if "ports" in service}
    text = file.read_text()
    for name, port in ports.items():
        (published,) = services(file)[name]["ports"]
        text = text.replace(published, re.sub(r":\d+:", f":{port}:", published))
    file.write_text(text)
    for timed in (file.parent / "prometheus").rglob("*.yml"):
        timed.write_text(re.sub(r"interval: \d+[sm]", "interval: 1s", timed.read_text()))
    compose = ("podman-compose", "-p", PROJECT, "-f", str(file))
    try:
        engine.output(*compose, "up", "--detach", "--no-build", *names)
        yield lambda name, path="/readyz": engine.client(container(name), ports[name], path=path)
    finally:
        engine.run(*compose, "down", "--volumes", "--timeout=1")
        engine.remove_containers()


def check_service(engine, file):
    """The service scores orders by the published model within its limits, and stops cleanly."""
    with composed(engine, file, "delivery-risk") as client_of:
        name, client = container("delivery-risk"), client_of("delivery-risk")
        check_scores(client)
        limits = services(file)["delivery-risk"]
        engine.check_limits(name, limits["cpus"], int(limits["mem_limit"].removesuffix("m")))
        assert client.score(ORDERS)["model_sha256"] in engine.podman("exec", name, "cat", "/models/CURRENT.json")
        assert engine.exit_code(name) == 0


def check_proxy(engine, file):
    """nginx passes orders on, and its log goes to the output of the container."""
    with composed(engine, file, "delivery-risk", "nginx") as client_of:
        client_of("delivery-risk")
        check_scores(client_of("nginx"))
        (line, *_) = [json.loads(line) for line in engine.log(container("nginx")).splitlines() if '"POST"' in line]
        assert (line["status"], line["service_status"]) == (200, "200")


def address(engine, name):
    (network,) = engine.inspect(name)["NetworkSettings"]["Networks"].values()
    return network["IPAddress"]


def check_new_address(engine, file):
    """nginx passes orders on to a service that was recreated and has another address."""
    with composed(engine, file, "delivery-risk", "nginx") as client_of:
        client_of("delivery-risk")
        check_scores(client_of("nginx"))
        name, before = container("delivery-risk"), address(engine, container("delivery-risk"))
        engine.podman("stop", "--time=10", name)
        with engine.container(IMAGE, f"--network={PROJECT}_default", f"--ip={before}"):  # takes the old address
            engine.podman("start", name)
            assert address(engine, name) != before
            check_scores(client_of("nginx"))


def check_monitoring(engine, file):
    """Prometheus finds the service and Alertmanager by name, and evaluates every rule."""
    with composed(engine, file, "delivery-risk", "prometheus", "alertmanager") as client_of:
        client_of("delivery-risk")
        client_of("alertmanager", "/-/ready")
        ask = Monitoring([], client_of("prometheus", "/-/ready")).ask

        def up():
            return [target["labels"]["job"] for target in ask("targets")["activeTargets"] if target["health"] == "up"]

        assert until(lambda: "delivery-risk" in up(), 8), "Prometheus finds no service"
        (alertmanager,) = ask("alertmanagers")["activeAlertmanagers"]
        assert alertmanager["url"] == "http://alertmanager:9093/api/v2/alerts"
        assert until(lambda: all(group["lastEvaluation"] > "1" for group in ask("rules")["groups"]), 8)
        assert {rule["health"] for group in ask("rules")["groups"] for rule in group["rules"]} == {"ok"}


@pytest.fixture
def file(deploy):
    return deploy / "compose.yaml"


@pytest.mark.parametrize("check", [check_schema, check_mounts, check_hardened, check_times])
def test_the_file_is_valid_and_hardened(file, check):
    check(file)


def test_its_images_are_the_one_that_is_built_and_stand_ins_except_for_grafana(file):
    assert {service["image"] for service in services(file).values() if "build" in service} == {IMAGE}
    known = {name.removeprefix("docker.io/").removeprefix("library/") for name in STAND_INS} | {IMAGE}
    assert {name for name, service in services(file).items() if service["image"] not in known} == {"grafana"}


@pytest.mark.parametrize("check", [check_service, check_proxy, check_new_address, check_monitoring])
def test_its_services_start_and_find_each_other(engine, image, file, check):
    check(engine, file)


def test_the_runbooks_command_on_the_registry_reaches_the_registry(engine, image, file):
    (line,) = re.findall(r"^docker compose (.* first-model .*)$", RUNBOOK, re.MULTILINE)
    assert line.startswith("-p delivery-risk -f deploy/compose.yaml run ")
    line = line.replace("rollback", "list").replace("delivery-risk", PROJECT, 1).replace("deploy/compose.yaml", str(file))
    with composed(engine, file, "delivery-risk") as client_of:
        client_of("delivery-risk")
        assert "1.0.0" in engine.output("podman-compose", *shlex.split(line))


FILE_FAULTS = [
    (check_schema, "mem_limit: 512m", "memory_limit: 512m", "memory_limit"),
    (check_mounts, "./nginx/compose/upstream.conf", "./nginx/compose/upstreams.conf", "upstreams"),
    (check_hardened, "  read_only: true\n", "", "is writable"),
    (check_hardened, "    mem_limit: 512m\n", "    mem_limit: 512m\n    user: root\n", "has more rights"),
    (check_hardened, '"127.0.0.1:8000:8000"', '"8000:8000"', "open to other machines"),
    (check_hardened, "nginx:1.28", "nginx:latest", "a moving tag"),
    (check_times, "stop_grace_period: 40s", "stop_grace_period: 10s", "killed before"),
]


@pytest.mark.parametrize(("check", "old", "new", "message"), FILE_FAULTS)
def test_a_fault_in_the_file_is_detected(file, check, old, new, message):
    replace_text(file, old, new)
    with pytest.raises(AssertionError, match=message):
        check(file)


MODEL, PROMOTE = "DELIVERY_RISK_MODEL: /models", "        delivery-risk model promote 1.0.0 --in /models\n"
SCRAPES, ALERTMANAGER = "prometheus/prometheus.yml", "alertmanager/alertmanager.yml"
FAULTS = {
    "no model": (check_service, "compose.yaml", MODEL, "DELIVERY_RISK_MODEL: /modles", "file: cannot be read"),
    "no setting": (check_service, "compose.yaml", MODEL, "DELIVERY_RISK_MODLE: /models", "not a setting"),
    "no current version": (check_service, "compose.yaml", PROMOTE, "", "CURRENT"),
    "another service": (
        check_proxy,
        "nginx/compose/upstream.conf",
        "default delivery-risk:",
        "default risk:",
        "risk could not be resolved",
    ),
    "no tmpfs for bodies": (check_proxy, "compose.yaml", ', "/var/cache/nginx:size=384m"]', "]", "Read-only file system"),
    "no right to chown": (check_proxy, "compose.yaml", "[CHOWN, ", "[", "chown"),
    "no directive": (check_proxy, "nginx/delivery-risk.conf", "limit_conn_status", "limit_status", "unknown dir"),
    "another target": (check_monitoring, SCRAPES, "names: [delivery-risk]", "names: [risk]", "finds no service"),
    "another port": (check_monitoring, SCRAPES, "port: 8000", "port: 8001", "finds no service"),
    "invalid rules": (check_monitoring, "prometheus/rules/alerts.yml", "groups:", "group:", "group"),
    "no receiver": (check_monitoring, ALERTMANAGER, "receiver: tickets", "receiver: ticket", "ticket"),
    "no folder for data": (check_monitoring, "compose.yaml", "path=/prometheus", "path=/data", "open /data/queries.active: no"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_service_or_in_what_it_mounts_is_detected(engine, image, file, fault):
    check, path, old, new, message = FAULTS[fault]
    replace_text(file.parent / path, old, new)
    with pytest.raises(AssertionError, match=message):
        check(engine, file)
