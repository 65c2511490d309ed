"""The doctor beside a running service, and in processes that lack something."""

import subprocess
import sys

import pytest

from service import config
from service.cli.doctor import machine
from service.cli.doctor.finding import Installation, warn
from service.version import VERSION
from tests.servers import running


@pytest.mark.parametrize(
    ("given", "name"),
    [({}, f"delivery-risk {VERSION}"), ({"DELIVERY_RISK_TOKENS_FILE": "/nowhere/tokens"}, "delivery-risk")],
    ids=["open", "with tokens"],
)
def test_a_service_that_runs_already_is_a_warning(given, name):
    with running(DELIVERY_RISK_WORKERS="1", **given) as server:
        address = f"127.0.0.1:{server.port}"
        found = machine.bind(Installation({}, config.load({"DELIVERY_RISK_BIND": address})))
    assert found == [warn(f"{address}: {name} answers there already", "a second service needs another address")]


def test_a_gunicorn_that_cannot_be_imported_for_a_variable_fails(shell):
    done = shell("WEB_CONCURRENCY=none DELIVERY_RISK_BIND=127.0.0.1:0 delivery-risk doctor")
    assert (done.returncode, "FAIL  gunicorn     cannot be imported (ValueError" in done.stdout) == (1, True)


def test_a_process_of_little_address_space_cannot_share_memory():
    program = """
import resource
from service import config
from service.cli.doctor import machine
from service.cli.doctor.finding import Installation
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 16 * 2**20,) * 2)
(found,) = machine.memory(Installation({}, config.load({})))
print(found.verdict, found.found)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "FAIL no memory can be shared (Cannot allocate memory)\n", done.stderr
