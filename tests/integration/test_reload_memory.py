"""Memory of a worker that swaps its models for hours: what a swap leaves behind would add up."""

import subprocess
import sys

import pytest

from model.registry import versions
from tests.facts import ROOT
from tests.registries import publish

MEMORY = """
import os, sys
from pathlib import Path
from model.registry import references
from model.registry import loader
from model.registry import versions
from model.registry.references import Pointer
from service.web import openapi
from service.serving.active_models import Stage
from service.metrics.recorder import Metrics
from service.rollout.reloader import Follower
from service.shared.counters import Tally

models = Path(sys.argv[1])
stage = Stage(registry.load(models), 100)
follower = Follower(models, stage, Metrics(Tally()))
pointers = [pointer.dumps([Pointer(v, v + ".npz", str(store.held(models, v).sha256))]) for v in "123"]
sizes = []

def point(name, swap):
    (models / "new").write_bytes(pointers[swap % 3])
    os.replace(models / "new", models / name)

for swap in range(int(sys.argv[2])):
    point(pointer.CURRENT, swap)
    point(pointer.CHALLENGER, swap + 1)
    follower.look()
    served = stage.lineup.champion
    assert served.model.manifest.version == "123"[swap % 3] and stage.lineup.challenger is not None
    served.doors.decode("application/json", b'{"orders": [{"order_id": "a", "f0": 1}]}')
    if swap % 50 == 0:
        openapi.document(served, closed=False)
    if swap % 100 == 99:
        sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
print((sizes[-1] - sizes[2]) / 2**20)
"""


SWAPS = 2_000


@pytest.mark.long
def test_memory_stays_flat_however_often_it_swaps(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for version in "123":
        publish(models, version, float(version))
    versions.promote("1", models)
    command = [sys.executable, "-c", MEMORY, models, str(SWAPS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.004 * (SWAPS - 300), "MiB since the first 300"
