"""Containers for tests: podman and buildah with a storage, networks and settings of their own, all gone in the end."""

import http.client
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.programs import TOOLS, program, run
from tests.servers import Client, absent, free_port

IMAGE = "delivery-risk:0.1.0"
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BASE, _DESK = TOOLS / "python-3.13-slim-trixie.tar", TOOLS / "desk.tar"
# What stands in for an image, and of its configuration what the files of deploy/ go by.
STAND_INS = {
    "docker.io/library/python:3.13-slim-trixie": (_BASE, ()),
    "docker.io/library/nginx:1.28": (_DESK, ('CMD ["nginx", "-g", "daemon off;"]',)),
    "docker.io/prom/prometheus:v3.5.0": (
        _DESK,
        ('ENTRYPOINT ["/bin/prometheus"]', "USER nobody", "WORKDIR /prometheus", "VOLUME /prometheus"),
    ),
    "docker.io/prom/alertmanager:v0.28.1": (
        _DESK,
        ('ENTRYPOINT ["/bin/alertmanager"]', "USER nobody", "WORKDIR /alertmanager", "VOLUME /alertmanager"),
    ),
}
LOCKED_DOWN = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--pids-limit=64",
)

# What a container that runs inside another one, without systemd, cannot do is left out.
_CONTAINERS = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
default_subnet = "10.213.88.0/24"
network_config_dir = "{place}/networks"
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{place}/storage"
runroot = "{place}/run"
"""


@dataclass(frozen=True)
class Engine:
    """podman, as these variables have it."""

    environment: dict[str, str]

    def podman(self, *arguments: str, seconds: float = 60) -> str:
        """What podman prints; it must succeed."""
        done = run("podman", *arguments, seconds=seconds, **self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def build(self, context: Path, tag: str, seconds: float = 240) -> None:
        """The image of a context with its Dockerfile in deploy/. What pip needs of this machine to fetch packages is lent."""
        lent = [f"-v={place}:{place}:ro" for place in ("/etc/ssl/certs", "/etc/pip.conf") if Path(place).exists()]
        how = ("--isolation=chroot", "--pull-never", "--layers", "--format=docker", *lent)
        dockerfile = str(context / "deploy" / "Dockerfile")
        done = run("buildah", "build", *how, "-f", dockerfile, "-t", tag, str(context), seconds=seconds, **self.environment)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def inside(self, image: str, *command: str) -> str:
        """What a command prints in a container of this image."""
        return self.podman("run", "--rm", "--no-healthcheck", "--network=none", *LOCKED_DOWN, image, *command)

    def inspect(self, name: str) -> dict[str, Any]:
        """What is known of a container or an image."""
        return json.loads(self.podman("inspect", name))[0]

    def check_held(self, name: str, cpus: float, mebibytes: int) -> None:
        """The container cannot write its root, has no capability, and has these limits."""
        inside = self.inspect(name)
        limits = inside["HostConfig"]
        assert limits["ReadonlyRootfs"]
        assert not inside["EffectiveCaps"]
        assert (limits["NanoCpus"], limits["Memory"]) == (cpus * 10**9, mebibytes * 2**20)

    def exit_code(self, name: str) -> int:
        """How a container ends that is told to stop and has 10 seconds for it."""
        self.podman("stop", "--time=10", name)
        return self.inspect(name)["State"]["ExitCode"]

    def client(self, name: str, port: int, seconds: float = 20, path: str = "/readyz") -> Client:
        """A client of the server in this container, once it says on this port that it is ready."""
        client, deadline = Client(port), time.monotonic() + seconds
        while True:
            with suppress(OSError, http.client.HTTPException):
                if client.call("GET", path)[0] == 200:
                    return client
            assert self.inspect(name)["State"]["Running"], self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.1)

    def log(self, name: str) -> str:
        """What a container printed, on both its outputs."""
        done = run("podman", "logs", name, **self.environment)
        return done.stdout + done.stderr

    @contextmanager
    def container(self, image: str, *options: str) -> Iterator[tuple[str, int]]:
        """A container of this image, locked down, until the block ends: its name, and the port that leads to its 8000."""
        port = free_port()
        how = ("--health-interval=disable", f"--publish=127.0.0.1:{port}:8000", *LOCKED_DOWN, *options)
        name = self.podman("run", "--detach", *how, image).strip()
        try:
            yield name, port
        finally:
            self.podman("rm", "--force", "--time=0", "--volumes", name)


@contextmanager
def started(place: Path) -> Iterator[Engine]:
    """podman with its files in this place, and the stand-ins for images that a registry would have."""
    for name in ("podman", "buildah", "runc"):
        program(name)
    if os.geteuid() != 0:
        absent("these containers are run by root")
    if not all(tar.is_file() for tar, _ in STAND_INS.values()):
        absent("there are no images to start from: see tests/deploy/install.sh")
    (place / "containers.conf").write_text(_CONTAINERS.format(place=place))
    (place / "storage.conf").write_text(_STORAGE.format(place=place))
    settings = {"CONTAINERS_CONF": str(place / "containers.conf"), "CONTAINERS_STORAGE_CONF": str(place / "storage.conf")}
    engine = Engine(settings)
    try:
        for name, (tar, configuration) in STAND_INS.items():
            changes = [f"--change={line}" for line in (_PATH, *configuration)]
            engine.podman("import", "--quiet", *changes, str(tar), name)
        yield engine
    finally:
        for end in (("pod", "rm", "--all"), ("rm", "--all"), ("volume", "rm", "--all"), ("rmi", "--all")):
            engine.podman(*end, "--force")
        engine.podman("network", "prune", "--force")
        shutil.rmtree(place, ignore_errors=True)
