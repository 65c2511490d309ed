"""deploy/Dockerfile and deploy/sbom.sh: the image is built, inspected, run hardened, and stopped."""

import json
import re
import tempfile
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from model.artifact import model_file
from model.packaged import packaged_model
from tests.deploy.containers import check_scores
from tests.deploy.programs import output
from tests.facts import ORDERS, ROOT
from tests.integration.otlp_collector import Collector
from tests.servers import free_port, until

pytestmark = pytest.mark.deploy

SIZE_LIMIT = 215 * 10**6
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNWANTED = "gcc cc g++ ld make pip pip3 uv pytest ruff mypy lint-imports hadolint checkov"
WRITABLE = "find / -xdev -writable ! -type l 2> /dev/null; true"
PACKAGES = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def check_lint(context):
    output("hadolint", f"{context}/deploy/Dockerfile")


def check_policy(context):
    output("checkov", "-f", f"{context}/deploy/Dockerfile", "--framework=dockerfile", "--skip-download", "--compact", "--quiet")


def check_size(engine, image):
    size = engine.inspect(image)["Size"]
    assert size <= SIZE_LIMIT, f"it has {size} bytes"


def check_contents(engine, image):
    """No program that builds or tests, and only the Python packages of the lock."""
    found = engine.inside(image, "sh", "-c", f"for name in {UNWANTED}; do command -v $name; done; true").split()
    assert not found, f"it has {found}"
    packages = json.loads(engine.inside(image, "python", "-c", PACKAGES))
    assert {canonicalize_name(name): version for name, version in packages.items()} == locked(), "it has other packages"


def check_bytecode(engine, image):
    done = engine.inside(image, "sh", "-c", "python -v -c 'import service.wsgi' 2>&1")
    compiled = re.findall(r"# code object from '?/opt/venv.*\.py'?$", done, re.MULTILINE)
    assert not compiled, f"it compiles {len(compiled)} files when it starts"
    assert "# code object from '/opt/venv" in done


def check_labels(engine, image):
    labels = {name.rpartition("image.")[2]: value for name, value in engine.inspect(image)["Labels"].items()}
    found = [labels.get(name) for name in ("title", "description", "version", "licenses")]
    assert found == [PROJECT[name] for name in ("name", "description", "version", "license")], "a label differs"
    assert {"revision", "base.name"} <= set(labels)


def check_bill(engine, image):
    bill = json.loads(engine.output(str(ROOT / "deploy" / "sbom.sh"), image))
    assert bill["bomFormat"] == "CycloneDX"
    named = {canonicalize_name(part["name"]): part["version"] for part in bill["components"]}
    assert named == locked(), "it names other packages"


def check_run(engine, image, seconds=20):
    """It runs hardened and healthy, scores the known orders, and exits with 0."""
    with engine.container(image, "--memory=512m", "--cpus=2") as (name, port):
        client = engine.client(name, port, seconds)
        status = engine.podman("exec", name, "sh", "-c", "id -u; cat /proc/1/status")
        assert status.startswith("10001\n"), "another user"
        assert re.search(r"CapBnd:\s+0{16}\n", status)
        assert engine.podman("exec", name, "sh", "-c", WRITABLE) == "", "its root can be written"
        check_scores(client)
        assert healthy(engine, name), "not healthy"
        assert engine.exit_code(name) == 0, "another exit code"
        assert "Traceback" not in engine.log(name)


def healthy(engine, name):
    return engine.run("podman", "healthcheck", "run", name).returncode == 0


def locked():
    """The packages of the lock for the Python of the image, and the project itself."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    listed = [Requirement(line.rstrip(" \\")) for line in lines if re.match(r"[a-z]", line)]
    python = {"python_full_version": "3.13.0", "python_version": "3.13"}
    wanted = [line for line in listed if line.marker is None or line.marker.evaluate(python)]
    return {line.name: str(line.specifier)[2:] for line in wanted} | {PROJECT["name"]: PROJECT["version"]}


@pytest.mark.parametrize("check", [check_lint, check_policy])
def test_the_dockerfile_passes_its_linters(check):
    check(ROOT)


@pytest.mark.parametrize("check", [check_size, check_contents, check_labels, check_bytecode, check_bill, check_run])
def test_the_image_is_small_and_complete_and_runs_hardened(engine, image, check):
    check(engine, image)


def test_its_health_check_asks_where_the_service_listens(engine, image):
    socket = "/run/delivery-risk/http.sock"
    tmpfs = f"--tmpfs={Path(socket).parent}:mode=1777"
    with engine.container(image, tmpfs, f"--env=DELIVERY_RISK_BIND=unix:{socket}") as (name, _):
        assert until(lambda: healthy(engine, name), 10)
        engine.podman("exec", name, "rm", socket)
        assert not healthy(engine, name)


def test_it_listens_on_all_addresses_of_ipv6_too(engine, image):
    with engine.container(image) as (name, port):
        engine.client(name, port)
        assert f" {32 * '0'}:{8000:04X} " in engine.podman("exec", name, "cat", "/proc/net/tcp6")


def test_its_spans_reach_a_collector(engine, image):
    port = free_port()
    with Collector() as collector:
        given = collector.settings() | {"DELIVERY_RISK_BIND": f"127.0.0.1:{port}"}
        how = ("--network=host", *(f"--env={name}={value}" for name, value in given.items()))
        with engine.container(image, *how) as (name, _):
            check_scores(engine.client(name, port))
            assert engine.exit_code(name) == 0
    assert {(service, span.name) for service, span in collector.spans} >= {("delivery-risk", "POST /score")}


def test_it_serves_a_model_file_from_a_volume(engine, image):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # for the user of the image, who cannot read pytest's directories
        made = packaged_model()
        model_file.write(replace(made, manifest=replace(made.manifest, version="1.0.1")), Path(folder, "model.npz"))
        options = (f"--volume={folder}:/models:ro", "--env=DELIVERY_RISK_MODEL=/models/model.npz")
        with engine.container(image, *options) as (name, port):
            client = engine.client(name, port)
            check_scores(client)
            assert client.score(ORDERS)["model_version"] == "1.0.1"


HEALTH = "HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 "
DOCKERFILE_FAULTS = {
    "a moving tag": (check_lint, "FROM ${PYTHON_IMAGE} AS build", "FROM python:latest AS build", "DL3007"),
    "packages of any version": (check_lint, "RUN python3", "RUN apt-get install gcc && python3", "DL3008"),
    "root": (check_policy, "USER 10001:10001", "USER root", "CKV_DOCKER_8"),
    "no health check": (check_policy, HEALTH, "", "CKV_DOCKER_2"),
}


@pytest.mark.parametrize("fault", DOCKERFILE_FAULTS)
def test_a_fault_in_the_dockerfile_is_detected_before_the_build(copied, fault):
    check, old, new, message = DOCKERFILE_FAULTS[fault]
    with pytest.raises(AssertionError, match=message):
        check(copied("deploy/Dockerfile", old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("requirements.lock", "via flask\n", "via flask\nsix==1.17.0\n", "Hashes are required"),
        ("requirements.lock", "sha256:3fd9a4b6", "sha256:00000000", "DO NOT MATCH|do not match"),
        ("deploy/requirements-build.lock", "pluggy==1.7.0", "pluggy==1.7.0\nsix==1.17.0", "hash"),
    ],
    ids=["a package without a hash", "another hash", "a build tool without a hash"],
)
def test_a_fault_in_a_lock_stops_the_build(engine, image, copied, file, old, new, message):
    with pytest.raises(AssertionError, match=message):
        engine.build(copied(file, old, new), "fault")


FINAL, COPY, PIP = "WORKDIR /\n", "WORKDIR /\nCOPY --from=build /opt/", "RUN rm -rf /usr/local/bin/pip*"
COMPILE = "-m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib"
PATH, SHELL = "PATH=/opt/venv/bin", 'CMD ["sh", "-c", "$0 $@; :", "gunicorn"'
IMAGE_FAULTS: dict[str, tuple] = {
    "root": (check_run, "USER 10001:10001", "USER 0:0", "another user"),
    "a signal that kills": (check_run, "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "another exit code"),
    "a shell that takes the signal": (check_run, 'CMD ["gunicorn"', SHELL, "another exit code"),
    "a health check on another path": (check_run, "'/livez'", "'/nowhere'", "not healthy"),
    "a port that is not reachable": (partial(check_run, seconds=5), "BIND=[::]", "BIND=127.0.0.1", "Booting worker"),
    "a read-only folder": (check_run, PATH, f"GUNICORN_CMD_ARGS='--worker-tmp-dir /opt' {PATH}", "Read-only"),
    "40 MB too much": (check_size, FINAL, f"{COPY}venv /opt/twice\n", "bytes"),
    "the installer of the base image": (check_contents, PIP, "RUN rm -rf", "it has .*pip3"),
    "an installer": (check_contents, FINAL, f"{COPY}build/bin/pip /usr/bin/pip\n", "it has .*pip"),
    "build tools": (check_contents, FINAL, f"{COPY}build/lib /opt/venv/lib\n", "other packages"),
    "packages that the bill must name": (check_bill, FINAL, f"{COPY}build/lib /opt/venv/lib\n", "names other"),
    "no bytecode": (check_bytecode, COMPILE, "-c pass", "it compiles"),
    "the label of another version": (check_labels, 'image.version="0.1.0"', 'image.version="0.0.9"', "a label differs"),
}


@pytest.mark.parametrize("fault", IMAGE_FAULTS)
def test_a_fault_in_the_image_is_detected(engine, image, copied, fault):
    check, old, new, message = IMAGE_FAULTS[fault]
    engine.build(copied("deploy/Dockerfile", old, new), "fault")
    with pytest.raises(AssertionError, match=message):
        check(engine, "fault")
