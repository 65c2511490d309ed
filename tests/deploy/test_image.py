"""deploy/Dockerfile and deploy/sbom.sh: built, looked into, run locked down, scored against and stopped."""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from model.artifact import model_file
from model.packaged import packaged_model
from tests.deploy.orders import ORDERS, check_orders
from tests.deploy.programs import run
from tests.facts import ROOT
from tests.integration.otlp_collector import collecting
from tests.servers import free_port, until

pytestmark = pytest.mark.deploy

DELIVERY_RISK = str(Path(sys.executable).with_name("delivery-risk"))
LIMIT = 215 * 10**6
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOREIGN = "gcc cc g++ ld make pip pip3 uv pytest ruff mypy lint-imports hadolint checkov"
WRITABLE = "find / -xdev -writable ! -type l 2> /dev/null; true"
SHOW = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


@pytest.fixture
def models():
    """A directory that the image's user may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


def check_lint(context):
    done = run("hadolint", str(context / "deploy" / "Dockerfile"))
    assert done.returncode == 0, done.stdout


def check_policy(context):
    file = str(context / "deploy" / "Dockerfile")
    done = run("checkov", "-f", file, "--framework=dockerfile", "--skip-download", "--compact", "--quiet")
    assert done.returncode == 0, done.stdout


def check_size(engine, image):
    size = engine.inspect(image)["Size"]
    assert size <= LIMIT, f"it has {size} bytes"


def check_contents(engine, image):
    """Nothing that builds or tests, and of Python's packages those of the lock alone."""
    found = engine.inside(image, "sh", "-c", f"for name in {FOREIGN}; do command -v $name; done; true").split()
    assert not found, f"it has {found}"
    assert packages(engine, image) == locked((ROOT / "requirements.lock").read_text()), "it has other packages than the lock"


def check_bytecode(engine, image):
    done = engine.inside(image, "sh", "-c", "python -v -c 'import service.wsgi' 2>&1")
    compiled = re.findall(r"# code object from '?/opt/venv.*\.py'?$", done, re.MULTILINE)
    assert not compiled, f"it compiles {len(compiled)} files when it starts"
    assert "# code object from '/opt/venv" in done


def check_labels(engine, image):
    labels = {name.rpartition("image.")[2]: value for name, value in engine.inspect(image)["Labels"].items()}
    said = [labels.get(name) for name in ("title", "description", "version", "licenses")]
    assert said == [PROJECT[name] for name in ("name", "description", "version", "license")], "a label differs"
    assert {"revision", "base.name"} <= set(labels)


def check_bill(engine, image):
    done = run(str(ROOT / "deploy" / "sbom.sh"), image, **engine.environment)
    assert done.returncode == 0, done.stderr
    bill = json.loads(done.stdout)
    assert bill["bomFormat"] == "CycloneDX"
    named = {canonical(part["name"]): part["version"] for part in bill["components"]}
    assert named == locked((ROOT / "requirements.lock").read_text()), "it names other packages than the lock"


def check_life(engine, image, seconds=20):
    """Up locked down, healthy by its own word, right about the known orders, ended with 0."""
    with engine.container(image, "--memory=512m", "--cpus=2") as (name, port):
        client = engine.client(name, port, seconds)
        status = engine.podman("exec", name, "sh", "-c", "id -u; cat /proc/1/status")
        assert status.startswith("10001\n"), "another user"
        assert re.search(r"CapBnd:\s+0{16}\n", status)
        assert engine.podman("exec", name, "sh", "-c", WRITABLE) == "", "its root can be written"
        check_orders(client)
        health = run("podman", "healthcheck", "run", name, **engine.environment)
        assert health.returncode == 0, "not healthy"
        assert engine.exit_code(name) == 0, "another exit code"
        assert "Traceback" not in engine.log(name)


def packages(engine, image):
    return {canonical(name): version for name, version in json.loads(engine.inside(image, "python", "-c", SHOW)).items()}


def locked(lock, python="3.13.0"):
    """The lock's packages for this Python, and the project itself."""
    lines = [Requirement(line.rstrip(" \\")) for line in lock.splitlines() if re.match(r"[a-z]", line)]
    where = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    wanted = [line for line in lines if line.marker is None or line.marker.evaluate(where)]
    return {line.name: str(line.specifier)[2:] for line in wanted} | {PROJECT["name"]: PROJECT["version"]}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def command(*arguments):
    subprocess.run([DELIVERY_RISK, "model", *arguments], check=True, capture_output=True)


def test_the_dockerfile_has_no_fault_that_a_linter_knows():
    check_lint(ROOT)
    check_policy(ROOT)


def test_the_image_is_small_and_has_nothing_but_what_the_lock_names(engine, image):
    check_size(engine, image)
    check_contents(engine, image)
    check_labels(engine, image)


def test_what_it_imports_is_compiled_already(engine, image):
    check_bytecode(engine, image)


def test_it_serves_the_packaged_model_locked_down_and_ends_with_exit_code_0(engine, image):
    check_life(engine, image)


def test_its_health_check_goes_where_the_service_listens(engine, image):
    place = "/run/delivery-risk/http.sock"
    tmpfs = f"--tmpfs={Path(place).parent}:mode=1777"
    with engine.container(image, tmpfs, f"--env=DELIVERY_RISK_BIND=unix:{place}") as (name, _):
        assert until(lambda: run("podman", "healthcheck", "run", name, **engine.environment).returncode == 0, 10)
        engine.podman("exec", name, "rm", place)
        assert run("podman", "healthcheck", "run", name, **engine.environment).returncode == 1


def test_its_spans_reach_a_collector(engine, image):
    port = free_port()
    with collecting() as collector:
        given = collector.settings() | {"DELIVERY_RISK_BIND": f"127.0.0.1:{port}"}
        how = ("--network=host", *(f"--env={name}={value}" for name, value in given.items()))
        with engine.container(image, *how) as (name, _):
            check_orders(engine.client(name, port))
            assert engine.exit_code(name) == 0
    assert {(service, span.name) for service, span in collector.spans} >= {("delivery-risk", "POST /score")}


def test_it_serves_a_model_file_from_a_volume_and_follows_a_store_there(engine, image, models):
    first = model_file.write(packaged_model(), models / "1.0.0.npz")
    model_file.write(replace(first, manifest=replace(first.manifest, version="1.0.1")), models / "1.0.1.npz")
    volume, store = f"--volume={models}:/models:ro", models / "store"
    with engine.container(image, volume, "--env=DELIVERY_RISK_MODEL=/models/1.0.0.npz") as (name, port):
        check_orders(engine.client(name, port))
    store.mkdir()
    for version in ("1.0.0", "1.0.1"):
        command("publish", str(models / f"{version}.npz"), "--to", str(store))
    command("promote", "1.0.0", "--in", str(store))
    with engine.container(image, volume, "--env=DELIVERY_RISK_MODEL=/models/store") as (name, port):
        client = engine.client(name, port)
        check_orders(client)
        command("promote", "1.0.1", "--in", str(store))
        assert until(lambda: client.score(ORDERS)["model_version"] == "1.0.1")


def test_the_bill_of_materials_names_what_the_image_has(engine, image):
    check_bill(engine, image)


SEEN = {
    "a tag that moves": (check_lint, "FROM ${PYTHON_IMAGE} AS build", "FROM python:latest AS build", "DL3007"),
    "packages of any version": (check_lint, "RUN python3", "RUN apt-get install gcc && python3", "DL3008"),
    "root": (check_policy, "USER 10001:10001", "USER root", "CKV_DOCKER_8"),
    "no health check": (
        check_policy,
        "HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 ",
        "",
        "CKV_DOCKER_2",
    ),
}


@pytest.mark.parametrize("fault", SEEN)
def test_a_fault_in_the_dockerfile_is_seen_before_it_is_built(copied, fault):
    check, old, new, said = SEEN[fault]
    with pytest.raises(AssertionError, match=said):
        check(copied("deploy/Dockerfile", old, new))


UNBUILT = {
    "a package without a hash": ("requirements.lock", "via flask\n", "via flask\nsix==1.17.0\n", "Hashes are required"),
    "a hash of something else": ("requirements.lock", "sha256:3fd9a4b6", "sha256:00000000", "DO NOT MATCH|do not match"),
    "a build tool without one": ("deploy/requirements-build.lock", "pluggy==1.7.0", "pluggy==1.7.0\nsix==1.17.0", "hash"),
}


@pytest.mark.parametrize("fault", UNBUILT)
def test_a_fault_in_a_lock_is_the_end_of_the_build(engine, image, copied, fault):
    file, old, new, said = UNBUILT[fault]
    with pytest.raises(AssertionError, match=said):
        engine.build(copied(file, old, new), "fault")


FINAL = "WORKDIR /\n"
BUILT: dict[str, tuple[Any, str, str, str]] = {
    "root": (check_life, "USER 10001:10001", "USER 0:0", "another user"),
    "a signal that kills": (check_life, "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "another exit code"),
    "a shell that takes the signal": (
        check_life,
        'CMD ["gunicorn"',
        'CMD ["sh", "-c", "$0 $@; :", "gunicorn"',
        "another exit code",
    ),
    "a health check that asks elsewhere": (check_life, "'/livez'", "'/nowhere'", "not healthy"),
    "a port that nobody reaches": (
        partial(check_life, seconds=5),
        "BIND=0.0.0.0:8000",
        "BIND=127.0.0.1:8000",
        "Booting worker",
    ),
    "a place that cannot be written": (
        check_life,
        "PATH=/opt/venv/bin",
        "GUNICORN_CMD_ARGS='--worker-tmp-dir /opt' PATH=/opt/venv/bin",
        "Read-only",
    ),
    "40 MB too much": (check_size, FINAL, FINAL + "COPY --from=build /opt/venv /opt/twice\n", "bytes"),
    "the image's own installer": (check_contents, "RUN rm -rf /usr/local/bin/pip*", "RUN rm -rf", "it has .*pip3"),
    "an installer": (check_contents, FINAL, FINAL + "COPY --from=build /opt/build/bin/pip /usr/bin/pip\n", "it has .*pip"),
    "what only builds": (check_contents, FINAL, FINAL + "COPY --from=build /opt/build/lib /opt/venv/lib\n", "other packages"),
    "what the bill must name": (check_bill, FINAL, FINAL + "COPY --from=build /opt/build/lib /opt/venv/lib\n", "names other"),
    "no bytecode": (
        check_bytecode,
        "-m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib",
        "-c pass",
        "it compiles",
    ),
    "the label of another version": (check_labels, 'image.version="0.1.0"', 'image.version="0.0.9"', "a label differs"),
}


@pytest.mark.parametrize("fault", BUILT)
def test_a_fault_in_the_image_is_seen(engine, image, copied, fault):
    check, old, new, said = BUILT[fault]
    engine.build(copied("deploy/Dockerfile", old, new), "fault")
    with pytest.raises(AssertionError, match=said):
        check(engine, "fault")
