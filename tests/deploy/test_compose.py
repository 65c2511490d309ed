"""deploy/compose.yaml: its schema, what it mounts and opens, and all its services but Grafana, run."""

import json
import re
import shlex
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from service import config
from tests.deploy.engine import IMAGE, STAND_INS
from tests.deploy.orders import ORDERS, check_orders
from tests.deploy.planting import plant
from tests.deploy.programs import run
from tests.facts import ROOT
from tests.servers import Client, free_port, until

pytestmark = pytest.mark.deploy

DEPLOY = ROOT / "deploy"
PROJECT = "desk"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text()


def check_schema(file):
    done = run("docker-compose", "-f", str(file), "config", "--quiet")
    assert done.returncode == 0, done.stderr


def check_mounts(file):
    mounted = re.findall(r"- \./([^:]+):", file.read_text())
    missing = {place for place in mounted if not (DEPLOY / place).exists()}
    assert not missing, f"there is no {missing}"


def check_closed(file):
    """Nothing that can be written but volumes, no capability that is not named, and no port for other machines."""
    for name, service in services(file).items():
        assert service.get("read_only"), f"the root of {name} can be written"
        assert service.get("cap_drop") == ["ALL"], f"{name} has capabilities"
        assert service.get("security_opt") == ["no-new-privileges:true"], f"{name} may gain privileges"
        assert not {"privileged", "user", "userns_mode", "pid", "devices"} & set(service), f"{name} asks for more"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"{name} is open to other machines"
        assert re.fullmatch(r".+:v?[0-9.]+", service["image"]), f"{name} has a tag that moves"


def check_times(file):
    seconds = int(services(file)["delivery-risk"]["stop_grace_period"].removesuffix("s"))
    assert seconds > config.SETTINGS["graceful_timeout_seconds"].load_default, "killed before it has answered"


@contextmanager
def desk(engine, file, *names):
    """These services and what they depend on, on other ports of this machine, until the block ends: the port of each."""
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
        done = run(*compose, "up", "--detach", "--no-build", *names, **engine.environment)
        assert done.returncode == 0, done.stderr
        yield ports
    finally:
        run(*compose, "down", "--volumes", "--timeout=1", **engine.environment)


def container(name):
    return f"{PROJECT}_{name}_1"


def check_service(engine, file):
    """The service as it stands there, after what it depends on."""
    with desk(engine, file, "delivery-risk") as ports:
        name = container("delivery-risk")
        client = engine.client(name, ports["delivery-risk"])
        check_orders(client)
        limits = services(file)["delivery-risk"]
        engine.check_held(name, limits["cpus"], int(limits["mem_limit"].removesuffix("m")))
        served = engine.podman("exec", name, "cat", "/models/CURRENT.json")
        assert client.score(ORDERS)["model_sha256"] in served
        assert engine.exit_code(name) == 0


def check_way_in(engine, file):
    """Orders that come to nginx are scored, and its log goes where compose shows it."""
    with desk(engine, file, "delivery-risk", "nginx") as ports:
        engine.client(container("delivery-risk"), ports["delivery-risk"])
        client = engine.client(container("nginx"), ports["nginx"])
        check_orders(client)
        (line, *_) = [json.loads(line) for line in engine.log(container("nginx")).splitlines() if '"POST"' in line]
        assert (line["status"], line["service_status"]) == (200, "200")


def check_watched(engine, file):
    """Prometheus finds the service and Alertmanager by their names, and every rule can be evaluated."""
    with desk(engine, file, "delivery-risk", "prometheus", "alertmanager") as ports:
        for name, path in (("delivery-risk", "/readyz"), ("prometheus", "/-/ready"), ("alertmanager", "/-/ready")):
            engine.client(container(name), ports[name], path=path)
        prometheus = Client(ports["prometheus"])

        def ask(path):
            return json.loads(prometheus.call("GET", f"/api/v1/{path}")[2])["data"]

        def up():
            return [target["labels"]["job"] for target in ask("targets")["activeTargets"] if target["health"] == "up"]

        assert until(lambda: "delivery-risk" in up(), 8), "Prometheus finds no service"
        assert [found["url"] for found in ask("alertmanagers")["activeAlertmanagers"]] == [
            "http://alertmanager:9093/api/v2/alerts"
        ]
        assert until(lambda: all(group["lastEvaluation"] > "1" for group in ask("rules")["groups"]), 8)
        assert {rule["health"] for group in ask("rules")["groups"] for rule in group["rules"]} == {"ok"}


def services(file):
    return yaml.safe_load(file.read_text())["services"]


@pytest.fixture
def file(tmp_path):
    """A copy of compose.yaml, beside what it mounts."""
    return Path(shutil.copytree(DEPLOY, tmp_path / "deploy")) / "compose.yaml"


def test_it_keeps_to_the_schema_and_closes_what_need_not_be_open(file):
    check_schema(file)
    check_mounts(file)
    check_closed(file)
    check_times(file)


def test_its_image_is_the_one_that_is_built(file):
    assert {service["image"] for service in services(file).values() if "build" in service} == {IMAGE}


def test_all_but_grafana_have_a_stand_in_for_their_image(file):
    known = {name.removeprefix("docker.io/").removeprefix("library/") for name in STAND_INS} | {IMAGE}
    assert {name for name, service in services(file).items() if service["image"] not in known} == {"grafana"}


@pytest.mark.parametrize("check", [check_service, check_way_in, check_watched])
def test_its_services_come_up_find_each_other_and_do_their_work(engine, image, file, check):
    check(engine, file)


def test_the_runbooks_command_on_the_store_reaches_the_store(engine, image, file):
    (line,) = re.findall(r"^docker compose (.* first-model .*)$", RUNBOOK, re.MULTILINE)
    assert line.startswith("-p delivery-risk -f deploy/compose.yaml run ")
    with desk(engine, file, "delivery-risk") as ports:
        engine.client(container("delivery-risk"), ports["delivery-risk"])
        words = shlex.split(
            line.replace("rollback", "list").replace("delivery-risk", PROJECT, 1).replace("deploy/compose.yaml", str(file))
        )
        done = run("podman-compose", *words, **engine.environment)
        assert "1.0.0" in done.stdout, done.stderr


STATIC = {
    "a key that is not one": (check_schema, "mem_limit: 512m", "memory_limit: 512m", "memory_limit"),
    "a file that is not there": (check_mounts, "./nginx/compose/upstream.conf", "./nginx/compose/upstreams.conf", "upstreams"),
    "a root that can be written": (check_closed, "  read_only: true\n", "", "can be written"),
    "root by name": (check_closed, "    mem_limit: 512m\n", "    mem_limit: 512m\n    user: root\n", "asks for more"),
    "a port for all": (check_closed, '"127.0.0.1:8000:8000"', '"8000:8000"', "open to other machines"),
    "a tag that moves": (check_closed, "nginx:1.28", "nginx:latest", "a tag that moves"),
    "too little time to stop": (check_times, "stop_grace_period: 40s", "stop_grace_period: 10s", "killed before"),
}


@pytest.mark.parametrize("fault", STATIC)
def test_a_fault_in_the_file_is_seen(file, fault):
    check, old, new, said = STATIC[fault]
    plant(file, old, new)
    with pytest.raises(AssertionError, match=said):
        check(file)


SERVICE = {
    "a model that is not there": ("DELIVERY_RISK_MODEL: /models", "DELIVERY_RISK_MODEL: /modles", "file: cannot be read"),
    "a setting that is not one": ("DELIVERY_RISK_MODEL: /models", "DELIVERY_RISK_MODLE: /models", "not a setting"),
    "a store without a current version": ("        delivery-risk model promote 1.0.0 --in /models\n", "", "CURRENT"),
}


@pytest.mark.parametrize("fault", SERVICE)
def test_a_fault_in_the_service_is_seen(engine, image, file, fault):
    old, new, said = SERVICE[fault]
    plant(file, old, new)
    with pytest.raises(AssertionError, match=said):
        check_service(engine, file)


AROUND = {
    "a service by another name": (
        check_way_in,
        "nginx/compose/upstream.conf",
        "server delivery-risk:8000",
        "server service:8000",
        "host not found",
    ),
    "nginx without a place for bodies": (
        check_way_in,
        "compose.yaml",
        ', "/var/cache/nginx:size=384m"]',
        "]",
        "Read-only file system",
    ),
    "nginx without what makes its folders its workers'": (check_way_in, "compose.yaml", "[CHOWN, ", "[", "chown"),
    "a directive that is none": (check_way_in, "nginx/delivery-risk.conf", "limit_conn_status", "limit_status", "unknown dir"),
    "a target by another name": (
        check_watched,
        "prometheus/prometheus.yml",
        "names: [delivery-risk]",
        "names: [risk]",
        "finds no",
    ),
    "a target on another port": (check_watched, "prometheus/prometheus.yml", "port: 8000", "port: 8001", "finds no service"),
    "rules that nobody can read": (check_watched, "prometheus/rules/alerts.yml", "groups:", "group:", "group"),
    "a receiver that is none": (
        check_watched,
        "alertmanager/alertmanager.yml",
        "receiver: tickets",
        "receiver: ticket",
        "ticket",
    ),
    "a history that cannot be written": (
        check_watched,
        "compose.yaml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.path=/history",
        "open /history/queries.active: no such file",
    ),
}


@pytest.mark.parametrize("fault", AROUND)
def test_a_fault_in_what_stands_around_the_service_is_seen(engine, image, file, fault):
    check, where, old, new, said = AROUND[fault]
    plant(file.parent / where, old, new)
    with pytest.raises(AssertionError, match=said):
        check(engine, file)
