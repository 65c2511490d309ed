"""deploy/compose.yaml: its schema, what it mounts and opens, and its service, run."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from service import config
from tests.deploy.engine import IMAGE
from tests.deploy.orders import ORDERS, check_orders
from tests.deploy.planting import plant
from tests.deploy.programs import run
from tests.servers import ROOT, free_port

pytestmark = pytest.mark.deploy

DEPLOY = ROOT / "deploy"


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


def check_life(engine, file):
    """The service as it stands there, after what it depends on, with another port of this machine."""
    port, project = free_port(), "desk"
    file.write_text(file.read_text().replace("127.0.0.1:8000:8000", f"127.0.0.1:{port}:8000"))
    compose = ("podman-compose", "-p", project, "-f", str(file))
    try:
        done = run(*compose, "up", "--detach", "--no-build", "delivery-risk", **engine.environment)
        assert done.returncode == 0, done.stderr
        name = f"{project}_delivery-risk_1"
        client = engine.client(name, port)
        check_orders(client)
        inside = engine.inspect(name)
        assert inside["HostConfig"]["ReadonlyRootfs"]
        assert not inside["EffectiveCaps"]
        limits = services(file)["delivery-risk"]
        assert inside["HostConfig"]["NanoCpus"] == limits["cpus"] * 10**9
        assert f"{inside['HostConfig']['Memory'] // 2**20}m" == limits["mem_limit"]
        served = engine.podman("exec", name, "cat", "/models/CURRENT.json")
        assert client.score(ORDERS)["model_sha256"] in served
        assert engine.exit_code(name) == 0
    finally:
        run(*compose, "down", "--volumes", "--timeout=1", **engine.environment)


def services(file):
    return yaml.safe_load(file.read_text())["services"]


@pytest.fixture
def file(tmp_path):
    """A copy of compose.yaml."""
    return Path(shutil.copy(DEPLOY / "compose.yaml", tmp_path))


def test_it_keeps_to_the_schema_and_closes_what_need_not_be_open(file):
    check_schema(file)
    check_mounts(file)
    check_closed(file)
    check_times(file)


def test_its_image_is_the_one_that_is_built(file):
    assert {service["image"] for service in services(file).values() if "build" in service} == {IMAGE}


def test_its_service_comes_up_on_a_store_of_its_own_and_scores(engine, image, file):
    check_life(engine, file)


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


RUNNING = {
    "a model that is not there": ("DELIVERY_RISK_MODEL: /models", "DELIVERY_RISK_MODEL: /modles", "file: cannot be read"),
    "a setting that is not one": ("DELIVERY_RISK_MODEL: /models", "DELIVERY_RISK_MODLE: /models", "not a setting"),
    "a store without a current version": ("        delivery-risk model promote 1.0.0 --in /models\n", "", "CURRENT"),
}


@pytest.mark.parametrize("fault", RUNNING)
def test_a_fault_in_the_service_is_seen(engine, image, file, fault):
    old, new, said = RUNNING[fault]
    plant(file, old, new)
    with pytest.raises(AssertionError, match=said):
        check_life(engine, file)
