"""Containers for tests: podman and buildah with their own storage and networks, removed at the end."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.programs import TOOLS, answers, output, program, run
from tests.facts import ORDER, ORDERS, SCORES, THRESHOLD
from tests.servers import Client, absent, free_port, until

IMAGE, BULK = "delivery-risk:0.1.0", "delivery-risk-bulk:0.1.0"
BULK_LOCK = "deploy/requirements-bulk.lock"
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BASE, _SERVERS = TOOLS / "python-3.13-slim-trixie.tar", TOOLS / "servers.tar"


def _monitor(name: str) -> tuple[Any, ...]:
    return _SERVERS, f'ENTRYPOINT ["/bin/{name}"]', "USER nobody", f"WORKDIR /{name}", f"VOLUME /{name}"


STAND_INS: dict[str, tuple[Any, ...]] = {
    "docker.io/library/python:3.13-slim-trixie": (_BASE,),
    "docker.io/library/nginx:1.28": (_SERVERS, 'CMD ["nginx", "-g", "daemon off;"]'),
    "docker.io/prom/prometheus:v3.5.0": _monitor("prometheus"),
    "docker.io/prom/alertmanager:v0.28.1": _monitor("alertmanager"),
}
"""Root file systems in place of published images, with the configuration of those images that the files of deploy/ rely on."""
_HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges", "--pids-limit=64")


def check_scores(client: Client) -> None:
    """The known orders get their exact scores, and a batch of 10,000 orders is scored too."""
    found = client.score(ORDERS)["results"]
    assert [result["order_id"] for result in found] == [order["order_id"] for order in ORDERS]
    assert [result["score"] for result in found] == SCORES
    assert [result["queue"] == "review" for result in found] == [score >= THRESHOLD for score in SCORES]
    many = [ORDER | {"order_id": str(number)} for number in range(10_000)]
    assert {result["score"] for result in client.score(many)["results"]} == {SCORES[0]}


@dataclass(frozen=True)
class Engine:
    """podman, and programs that start it, with these environment variables."""

    environment: dict[str, Any]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end. Its exit code is not checked."""
        return run(*command, **self.environment)

    def output(self, *command: str, seconds: float = 60) -> str:
        """The standard output of a program, which must succeed."""
        return output(*command, seconds=seconds, **self.environment)

    def podman(self, *arguments: str) -> str:
        return self.output("podman", *arguments)

    def build(self, context: Path, tag: str, *options: str) -> None:
        """Build the image of a copy of the repository, with this machine's configuration of pip."""
        lent = [f"-v={path}:{path}:ro" for path in ("/etc/ssl/certs", "/etc/pip.conf") if Path(path).exists()]
        how = ("--isolation=chroot", "--pull-never", "--layers", "--format=docker", *lent, f"--tag={tag}", *options)
        self.output("buildah", "build", *how, f"--file={context}/deploy/Dockerfile", str(context), seconds=240)

    def inside(self, image: str, *command: str) -> str:
        """The output of a command in a new container of this image."""
        return self.podman("run", "--rm", "--no-healthcheck", "--network=none", *_HARDENED, image, *command)

    def inspect(self, name: str) -> dict[str, Any]:
        return json.loads(self.podman("inspect", name))[0]

    def check_limits(self, name: str, cpus: float, mebibytes: int) -> None:
        """The container has a read-only root, no capabilities, and these limits."""
        found = self.inspect(name)
        limits = found["HostConfig"]
        assert limits["ReadonlyRootfs"]
        assert not found["EffectiveCaps"]
        assert (limits["NanoCpus"], limits["Memory"]) == (cpus * 10**9, mebibytes * 2**20)

    def exit_code(self, name: str) -> int:
        """The exit code of a container that gets ten seconds to stop."""
        self.podman("stop", "--time=10", name)
        return self.inspect(name)["State"]["ExitCode"]

    def client(self, name: str, port: int, seconds: float = 20, path: str = "/readyz") -> Client:
        """A client of the server in this container, once this path answers 200."""
        assert until(lambda: answers(port, path) or not self.inspect(name)["State"]["Running"], seconds), self.log(name)
        assert answers(port, path), self.log(name)
        return Client(port)

    def log(self, name: str) -> str:
        done = self.run("podman", "logs", name)
        return done.stdout + done.stderr

    def remove_containers(self) -> None:
        """Remove all containers. The removal of one that ends and is started again may fail, and succeeds later."""

        def removed() -> bool:
            self.run("podman", "rm", "--all", "--force", "--time=0", "--volumes")
            return not self.podman("ps", "--all", "--quiet")

        assert until(removed), self.podman("ps", "--all")

    @contextmanager
    def playing(self, file: Path, manifests: list[dict[str, Any]]) -> Iterator[None]:
        """The pods that podman makes of these manifests, until the block ends."""
        file.write_text(yaml.safe_dump_all(manifests))
        self.podman("play", "kube", str(file))
        try:
            yield
        finally:
            self.podman("play", "kube", "--down", str(file))
            claims = [each["metadata"]["name"] for each in manifests if each["kind"] == "PersistentVolumeClaim"]
            for claim in claims:  # the volumes stay otherwise, and the next one of the name cannot be made
                self.podman("volume", "rm", claim)

    @contextmanager
    def container(self, image: str, *options: str) -> Iterator[tuple[str, int]]:
        """A hardened container until the block ends: its name, and the local port that is published for its port 8000."""
        port = free_port()
        how = ("--health-interval=disable", f"--publish=127.0.0.1:{port}:8000", *_HARDENED, *options)
        name = self.podman("run", "--detach", *how, image).strip()
        try:
            yield name, port
        finally:
            self.podman("rm", "--force", "--time=0", "--volumes", name)


@contextmanager
def started(folder: Path) -> Iterator[Engine]:
    """podman with its files in this folder, and the stand-ins for published images."""
    for name in ("podman", "buildah", "runc"):
        program(name)
    if os.geteuid() != 0:
        absent("these containers need root")
    if not (_BASE.is_file() and _SERVERS.is_file()):
        absent("there are no images to start from: see tests/deploy/install.sh")
    paths = {name: folder / f"{name}.conf" for name in ("containers", "storage")}
    for name, path in paths.items():
        path.write_text(Path(__file__).with_name(f"{name}.conf").read_text().replace("FOLDER", str(folder)))
    engine = Engine({"CONTAINERS_CONF": str(paths["containers"]), "CONTAINERS_STORAGE_CONF": str(paths["storage"])})
    try:
        for name, (tar, *configuration) in STAND_INS.items():
            engine.podman("import", "--quiet", *(f"--change={line}" for line in (_PATH, *configuration)), str(tar), name)
        yield engine
    finally:
        for kind in (("pod", "rm"), ("rm",), ("volume", "rm"), ("rmi",)):
            engine.podman(*kind, "--all", "--force")
        engine.podman("network", "prune", "--force")
        shutil.rmtree(folder, ignore_errors=True)
