"""The manifests of deploy/kubernetes as data, and what podman can run of them."""

from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]


def read(folder: Path) -> dict[str, Manifest]:
    """Every manifest by its kind; a kind stands there once."""
    found = [manifest for file in files(folder) for manifest in yaml.safe_load_all(file.read_text())]
    by_kind = {manifest["kind"]: manifest for manifest in found}
    assert len(by_kind) == len(found)
    return by_kind


def files(folder: Path) -> list[Path]:
    """All but kustomization.yaml."""
    return sorted(file for file in folder.iterdir() if file.name != "kustomization.yaml")


def container(workload: Manifest) -> Manifest:
    """The one container of a Deployment or a Job."""
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return only


def first(folder: Path) -> list[Manifest]:
    """The volume, and the Job as the pod that it would make."""
    known = read(folder)
    template = known["Job"]["spec"]["template"]
    template["spec"]["restartPolicy"] = "Never"
    container(known["Job"])["imagePullPolicy"] = "Never"
    return [
        known["PersistentVolumeClaim"],
        {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "first-model"}},
    ]


def then(folder: Path, port: int, without: set[str]) -> list[Manifest]:
    """The ConfigMap without these variables, and one replica on a port of this machine. podman knows no volume of a secret."""
    known = read(folder)
    settings, deployment = known["ConfigMap"], known["Deployment"]
    settings["data"] = {name: value for name, value in settings["data"].items() if name not in without}
    deployment["spec"]["replicas"] = 1
    pod, service = deployment["spec"]["template"]["spec"], container(deployment)
    service["imagePullPolicy"] = "Never"
    service["ports"][0] |= {"hostIP": "127.0.0.1", "hostPort": port}
    secret = {volume["name"] for volume in pod["volumes"] if "secret" in volume}
    pod["volumes"] = [volume for volume in pod["volumes"] if volume["name"] not in secret]
    service["volumeMounts"] = [mount for mount in service["volumeMounts"] if mount["name"] not in secret]
    return [settings, deployment]
