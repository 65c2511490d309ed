"""deploy/bulk and the image of bulk: the manifests are valid and agree, and their pods make the files of one run."""

import gzip
import json
import re
import tempfile
from copy import deepcopy
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.artifact import model_file
from model.packaged import packaged_model
from service import config
from tests.deploy import manifests
from tests.deploy.containers import BULK, BULK_LOCK
from tests.deploy.manifests import KUBERNETES, container
from tests.deploy.programs import output, replace_text
from tests.facts import FEATURES, ORDER, ROOT

pytestmark = pytest.mark.deploy

LOCKS = ("requirements.lock", BULK_LOCK)
FOLDER = ROOT / "deploy" / "bulk"
HAS = "import importlib.util as u; print([name for name in ('duckdb', 'flask', 'pyarrow') if u.find_spec(name)])"


def check_schemas(folder):
    manifests.validate(*manifests.files(folder), count=len(manifests.read(folder)), unknown=0)


def check_policy(folder):
    output("checkov", "-d", str(folder), "--framework=kubernetes", "--skip-download", "--compact", "--quiet")


def check_agreement(folder):
    """Every name by which a manifest refers to another one exists there, and the pods are as safe as those of the service."""
    known, base = manifests.read(folder), manifests.read(KUBERNETES)
    job, deployment = known["Job"], base["Deployment"]
    pod, bulk = job["spec"]["template"]["spec"], container(job)
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert known["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels, "other pods"
    assert labels.items().isdisjoint(base["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items()), "the service's pods"
    assert {each["metadata"]["namespace"] for each in known.values()} == {base["Namespace"]["metadata"]["name"]}, "elsewhere"
    for name in ("automountServiceAccountToken", "enableServiceLinks", "securityContext"):
        assert pod[name] == deployment["spec"]["template"]["spec"][name], f"another {name}"
    assert bulk["securityContext"] == container(deployment)["securityContext"], "another securityContext"
    assert bulk["envFrom"] == [{"configMapRef": {"name": known["ConfigMap"]["metadata"]["name"]}}], "no such map"
    assert bulk["image"] == BULK, "another image"
    assert bulk["resources"]["requests"] == bulk["resources"]["limits"], "may be evicted for what it needs"
    policy = job["spec"]["podFailurePolicy"]["rules"]
    (named,) = (rule["onExitCodes"] for rule in policy if "onExitCodes" in rule)
    assert named["containerName"] == bulk["name"], "another container"


def check_work(folder):
    """The shards are all of the set, and what the command reads and writes is on volumes."""
    known = manifests.read(folder)
    job, given = known["Job"]["spec"], known["ConfigMap"]["data"]
    bulk, volumes = container(known["Job"]), job["template"]["spec"]["volumes"]
    assert job["completions"] == job["parallelism"], "not all at once"
    assert bulk["command"][-1] == f"$(JOB_COMPLETION_INDEX)/{job['completions']}", "not all shards"
    assert bulk["command"][2:5] == ["run", "$(IN)", "$(OUT)"]
    settings = config.load({name: text for name, text in given.items() if name not in ("IN", "OUT")})
    kinds = {each["name"]: set(each) - {"name"} for each in volumes}
    mounts = {mount["mountPath"]: (kinds[mount["name"]], mount.get("readOnly")) for mount in bulk["volumeMounts"]}
    env = {each["name"]: each["value"] for each in bulk["env"]}
    claim = {"persistentVolumeClaim"}
    expected = {settings.model: (claim, True), given["IN"]: (claim, True), str(Path(given["OUT"]).parent): (claim, None)}
    expected |= {env["TMPDIR"]: ({"emptyDir"}, None), str(Path(env["AWS_SHARED_CREDENTIALS_FILE"]).parent): ({"secret"}, True)}
    assert mounts == expected, "no such mount"


@pytest.mark.parametrize("check", [check_schemas, check_policy, check_agreement, check_work])
def test_the_manifests_are_valid(check):
    check(FOLDER)


FAULTS = {
    "an unknown key": (check_schemas, "backoffLimitPerIndex: 3", "backoffLimitPerShard: 3", "backoffLimitPerShard"),
    "a number for a text": (check_schemas, 'status: "True"', "status: true", "true|True"),
    "a writable root": (check_policy, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "CKV_K8S_22"),
    "a right more": (check_agreement, "drop: [ALL]", "drop: []", "securityContext"),
    "a token": (check_agreement, "ServiceAccountToken: false", "ServiceAccountToken: true", "automountServiceAccountToken"),
    "links to services": (check_agreement, "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"),
    "another container": (check_agreement, "containerName: bulk", "containerName: bulks", "another container"),
    "the image of the service": (check_agreement, "image: delivery-risk-bulk", "image: delivery-risk", "another image"),
    "another map": (
        check_agreement,
        "Ref:\n                name: delivery-risk-bulk",
        "Ref:\n                name: x",
        "no such map",
    ),
    "the labels of the service": (
        check_agreement,
        "name: delivery-risk-bulk\n    spec",
        "name: delivery-risk\n    spec",
        "pods",
    ),
    "less memory asked for": (
        check_agreement,
        'limits:\n              cpu: "1"\n              memory: 400Mi',
        'limits:\n              cpu: "1"\n              memory: 500Mi',
        "evicted",
    ),
    "too few shards": (check_work, "INDEX)/4", "INDEX)/5", "not all shards"),
    "pods in turn": (check_work, "parallelism: 4", "parallelism: 2", "not all at once"),
    "an unknown setting": (check_work, "RISK_MODEL:", "RISK_MODELS:", "not a setting"),
    "a temporary folder on the root": (check_work, "value: /tmp", "value: /var/tmp", "no such mount"),
    "results on the root": (check_work, "OUT: /results/scored", "OUT: /scored", "no such mount"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_manifest_is_detected(deploy, fault):
    check, old, new, message = FAULTS[fault]
    replace_text(deploy / "bulk" / "job.yaml", old, new)
    with pytest.raises((AssertionError, config.SettingsError), match=message):
        check(deploy / "bulk")


def test_arrow_and_the_database_are_in_the_image_of_bulk_alone(engine, image, bulk_image):
    assert engine.inside(bulk_image, "python", "-c", HAS).strip() == "['duckdb', 'flask', 'pyarrow']"
    assert engine.inside(image, "python", "-c", HAS).strip() == "['flask']"


def test_the_lock_of_bulk_has_the_versions_of_the_service_and_its_extra():
    service, bulk = (set(re.findall(r"^[a-z].*", (ROOT / name).read_text(), re.MULTILINE)) for name in LOCKS)
    assert {line.partition("==")[0] for line in bulk - service} == {"duckdb", "pyarrow"}


@pytest.fixture
def volumes():
    """The folders of the volumes, which the user of the image can read: with a model, and results that it can write."""
    with tempfile.TemporaryDirectory() as folder:
        found = {name: Path(folder, name) for name in ("orders", "results", "models", "credentials")}
        Path(folder).chmod(0o755)
        for name, path in found.items():
            path.mkdir()
            path.chmod(0o777 if name == "results" else 0o755)
        model_file.write(packaged_model(), found["models"] / "model.npz")
        yield found


def csv(*ids):
    return "\n".join([",".join(["order_id", *FEATURES]), *(f"{id},{id % 9},3,1" for id in ids)]) + "\n"


def write_orders(folder):
    """Files of several formats, one of them with a row that is rejected, in folders."""
    for number in range(5):
        (folder / f"{number}.csv").write_text(csv(*range(100 * number, 100 * number + 60)))
    (folder / "far").mkdir()
    (folder / "far" / "5.jsonl.gz").write_bytes(gzip.compress(f"{json.dumps(ORDER)}\n{{}}\n".encode()))
    table = pa.table({"order_id": ["x", "y"]} | {name: [1.0, 9.0] for name in FEATURES})
    pq.write_table(table, folder / "6.parquet")


def expanded(word, values):
    """A word of a command with the values of its variables, as the kubelet makes it; podman 4 does not."""
    return re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], word)


def pods(volumes, **given):
    """The map, and the pods that the Job controller makes. Volumes are folders, because podman has none of secrets."""
    known = manifests.read(FOLDER)
    settings = known["ConfigMap"]
    settings["data"] |= {"DELIVERY_RISK_MODEL": "/models/model.npz", **given}
    yield settings
    for index in range(known["Job"]["spec"]["completions"]):
        spec = deepcopy(known["Job"]["spec"]["template"]["spec"])
        kept = [volume for volume in spec["volumes"] if volume["name"] not in volumes]
        folders = [{"name": name, "hostPath": {"path": str(path)}} for name, path in volumes.items()]
        spec["volumes"] = [*kept, *folders]
        (bulk,) = spec["containers"]
        bulk["imagePullPolicy"] = "Never"
        values = settings["data"] | {"JOB_COMPLETION_INDEX": str(index)}
        bulk["command"] = [expanded(word, values) for word in bulk["command"]]
        name = f"{known['Job']['metadata']['name']}-{index}"
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def played(engine, volumes, **given):
    """The exit code and the log of each pod."""
    made = list(pods(volumes, **given))
    names = [f"{pod['metadata']['name']}-bulk" for pod in made[1:]]
    with engine.playing(volumes["orders"].parent / "pods.yaml", made):
        codes = [int(engine.output("podman", "wait", name, seconds=60)) for name in names]
        limits = container(manifests.read(FOLDER)["Job"])["resources"]["limits"]
        engine.check_limits(names[0], float(limits["cpu"]), int(limits["memory"].removesuffix("Mi")))
        return codes, list(map(engine.log, names))


def action(code):
    """What the Job does with a pod that ends with this exit code."""
    for rule in manifests.read(FOLDER)["Job"]["spec"]["podFailurePolicy"]["rules"]:
        if code in rule.get("onExitCodes", {}).get("values", ()):
            return rule["action"]
    return "Count"


def tree(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_pods_make_the_bytes_of_one_run_on_this_machine(engine, bulk_image, volumes, shell, tmp_path):
    write_orders(volumes["orders"])
    codes, logs = played(engine, volumes)
    assert codes == [0, 0, 0, 0], logs
    assert [log.partition(" files:")[0] for log in logs] == ["2 of 7", "2 of 7", "2 of 7", "1 of 7"]
    done = shell(f"delivery-risk bulk --model {volumes['models']}/model.npz {volumes['orders']} local")
    assert done.returncode == 0, done.stderr
    assert tree(volumes["results"] / "scored") == tree(tmp_path / "local")


def test_a_file_that_cannot_be_scored_fails_its_index_for_good_and_no_other(engine, bulk_image, volumes):
    write_orders(volumes["orders"])
    (volumes["orders"] / "1.csv").write_text("nothing\n1\n")
    codes, logs = played(engine, volumes)
    assert codes == [0, 1, 0, 0], logs
    assert "1.csv: " in logs[1]
    assert list(map(action, codes)) == ["Count", "FailIndex", "Count", "Count"]


def test_a_run_that_cannot_begin_is_tried_again(engine, bulk_image, volumes):
    write_orders(volumes["orders"])
    codes, logs = played(engine, volumes, DELIVERY_RISK_MODEL="/models/none.npz")
    assert codes == [2, 2, 2, 2], logs
    assert all("Error: /models/none.npz: " in log for log in logs), logs
    assert {action(code) for code in codes} == {"Count"}
