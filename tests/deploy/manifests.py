"""The manifests of deploy/kubernetes as data, and what podman can run of them."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.deploy import programs
from tests.deploy.containers import Engine
from tests.facts import ROOT
from tests.servers import until

KUBERNETES = ROOT / "deploy" / "kubernetes"
GUIDE = (ROOT / "docs" / "operations" / "kubernetes.md").read_text()
OPERATOR = jsonschema.Draft7Validator(json.loads((ROOT / "tests" / "deploy" / "schemas" / "operator.json").read_text()))

Manifest = dict[str, Any]


def files(folder: Path) -> list[Path]:
    """All files except kustomization.yaml."""
    return sorted(file for file in folder.glob("*.yaml") if file.name != "kustomization.yaml")


def read(folder: Path) -> dict[str, Manifest]:
    """The manifests by kind, of which each occurs once."""
    found = [manifest for file in files(folder) for manifest in yaml.safe_load_all(file.read_text())]
    by_kind = {manifest["kind"]: manifest for manifest in found}
    assert len(by_kind) == len(found)
    return by_kind


def kustomized(folder: Path) -> dict[tuple[str, str], Manifest]:
    """The output of kubectl for a folder, by kind and name."""
    made = yaml.safe_load_all(programs.output("kubectl", "kustomize", str(folder)))
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in made}


VERSIONS = ("1.31", "1.34", "1.37")


def validate(*files: Path, count: int, unknown: int = 1) -> None:
    """So many manifests are valid, without the `unknown` ServiceMonitor, for which there is no schema but only a warning."""
    for version in VERSIONS:
        done = programs.run("kubernetes-validate", "--strict", "-k", version, *map(str, files))
        printed = done.stdout + done.stderr
        assert done.returncode == 0, printed
        assert printed.count(" passed for ") == count - unknown, printed


def validate_operator(manifest: Manifest) -> None:
    """A manifest is valid by the types of the Prometheus operator."""
    fault = jsonschema.exceptions.best_match(OPERATOR.iter_errors(manifest))
    assert fault is None, fault.message


def container(workload: Manifest) -> Manifest:
    """The one container of a Deployment or a StatefulSet."""
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return only


def stop_hook(deployment: Manifest) -> list[str]:
    """The command that runs before a stop."""
    return container(deployment)["lifecycle"]["preStop"]["exec"]["command"]


def secret_volume(deployment: Manifest) -> Manifest:
    (only,) = (volume for volume in deployment["spec"]["template"]["spec"]["volumes"] if "secret" in volume)
    return only


def registry_pod(folder: Path) -> list[Manifest]:
    """The volume of the model registry, and the pod that the StatefulSet would make."""
    known = read(folder)
    workload = known["StatefulSet"]
    container(workload)["imagePullPolicy"] = "Never"
    name = f"{workload['metadata']['name']}-0"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": workload["spec"]["template"]["spec"]}
    return [known["PersistentVolumeClaim"], pod]


@contextmanager
def registry_running(engine: Engine, folder: Path) -> Iterator[str]:
    """The pod of the registry, once it has published the first model, until the block ends; the name of its container."""
    _, pod = registry_pod(KUBERNETES)
    ready = pod["spec"]["containers"][0]["readinessProbe"]["exec"]["command"]
    name = f"{pod['metadata']['name']}-store"
    with engine.playing(folder / "registry.yaml", registry_pod(KUBERNETES)):
        assert until(lambda: engine.run("podman", "exec", name, *ready).returncode == 0, 20), engine.log(name)
        yield name


def unpack(secret: Manifest, directory: Path) -> None:
    """Write the files of this secret that the volume of the Deployment has into a directory."""
    volume = secret_volume(read(KUBERNETES)["Deployment"])["secret"]
    assert secret["metadata"]["name"] == volume["secretName"]
    directory.mkdir(mode=0o755, exist_ok=True)
    for item in volume["items"]:
        written = directory / f"{item['path']}.new"
        written.write_bytes(base64.b64decode(secret["data"][item["key"]]))
        written.rename(directory / item["path"])
