"""A file system that does not answer stops no answer of the real server."""

import os
import signal
from pathlib import Path

import pytest

from tests.bearer_tokens import GOOD, OTHER, bearer, line, replace
from tests.servers import GUNICORN, read_metrics, running, until

AGE = 'delivery_risk_files_last_look_age_seconds{{file="{}"}}'


@pytest.fixture(params=["tokens", "drain"])
def hung(request, tmp_path):
    """A server with tokens and a drain file, whose file system of one of them can hang; that one and its marker."""
    folders = {name: tmp_path / name for name in ("tokens", "drain")}
    for folder in folders.values():
        folder.mkdir()
    (folders["tokens"] / "file").write_text(line(GOOD, "score,read", "planner"))
    given = {f"DELIVERY_RISK_{name.upper()}_FILE": str(folder / "file") for name, folder in folders.items()}
    command = [*GUNICORN[:-1], "tests.integration.hung_files:app"]
    folder = folders[request.param]
    with running(command, HUNG_FOLDER=str(folder), DELIVERY_RISK_WORKERS="1", **given) as server:
        yield request.param, server, Path(f"{folder}.HUNG"), folders


def statuses(server):
    return [server.call("GET", path, headers=bearer(GOOD))[0] for path in ("/livez", "/readyz", "/model")]


def age(server, file, token=GOOD):
    return read_metrics(server.call("GET", "/metrics", headers=bearer(token))[2].decode())[AGE.format(file)]


def test_requests_are_answered_while_a_file_hangs_and_its_last_look_grows_old(hung):
    file, server, marker, folders = hung
    (other,) = folders.keys() - {file}
    assert statuses(server) == [200, 200, 200]
    marker.touch()
    assert until(lambda: age(server, file) > 2)
    assert age(server, other) < 2
    assert statuses(server) == [200, 200, 200]
    (first,) = server.all_workers(1)
    os.kill(first, signal.SIGKILL)
    server.renewed([first], 1)
    assert statuses(server) == [200, 200, 200], "a new worker does not wait either"
    if file == "tokens":
        (folders["drain"] / "file").touch()
        assert until(lambda: statuses(server) == [200, 503, 200]), "the other file is still followed"
    else:
        replace(folders["tokens"] / "file", line(OTHER, "score,read", "planner"))
        assert until(lambda: statuses(server)[2] == 401)
    marker.unlink()
    token = GOOD if file == "tokens" else OTHER
    assert until(lambda: age(server, file, token) < 2)
