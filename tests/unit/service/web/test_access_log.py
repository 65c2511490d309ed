"""The log line of a request explains why it failed."""

import io
import json
import logging
import re

import pytest

from service.telemetry.json_formatter import JsonFormatter
from service.web.access_log import LONGEST_PATH
from service.web.client_address import TRUSTED_PROXY
from tests.apps import service_of


@pytest.fixture
def lines(caplog):
    """The lines of the access log."""
    caplog.set_level(logging.INFO, "delivery_risk.access")
    return lambda: [record for record in caplog.records if record.name == "delivery_risk.access"]


@pytest.mark.parametrize("query", ["", "?on_error=partial"])
def test_a_batch_with_errors_is_logged_with_their_codes_and_counts(client, order, lines, query):
    faulty = [{"order_id": "B"}, order | {"order_id": "C", "backlog": "SECRET"}, order | {"order_id": "D", "backlog": None}]
    client.post(f"/score{query}", json={"orders": [order, *faulty]})
    (line,) = lines()
    assert line.error_codes == {"missing": 3, "not_a_number": 1, "null": 1}
    assert "SECRET" not in str(vars(line))


def test_a_batch_without_errors_has_no_codes_and_no_detail(client, order, lines):
    client.post("/score", json={"orders": [order]})
    assert vars(lines()[0]).keys().isdisjoint({"error_codes", "detail", "path", "client"})


FAILING = [("POST", "/score", 415), ("PUT", "/score", 405), ("GET", "/nowhere", 404), ("POST", "/score?on_error=no", 400)]


@pytest.mark.parametrize(("method", "path", "status"), FAILING)
def test_a_failure_is_logged_with_the_detail_of_its_answer(client, lines, method, path, status):
    answer = client.open(path, method=method)
    (line,) = lines()
    assert (line.status, line.detail) == (status, answer.json["detail"])


PATHS = {
    "/nowhere?token=SECRET": "/nowhere",
    "//score": "//score",
    "/a\nb\x1b[2J\u00e9": "/a%0Ab%1B[2J%E9",
    "/orders/planner-Zk3QvX9tB2mR7wLcY5sHd8NfJ1a/x": "/orders/.../x",
    "/" + "ab/" * 100: ("/" + "ab/" * 100)[:LONGEST_PATH],
    "/%53%45%43%52%45%54%53%45%43%52%45%54": "/...",
}


@pytest.mark.parametrize(("path", "logged"), PATHS.items())
def test_a_path_that_no_route_has_is_logged_cut_and_escaped_without_what_may_be_a_token(client, lines, path, logged):
    client.get("/", environ_overrides={"PATH_INFO": path.partition("?")[0], "RAW_URI": None})
    (line,) = lines()
    assert (line.route, line.path) == ("unmatched", logged)


def test_a_filter_of_a_handler_changes_and_adds_fields_of_the_line(client):
    def change(record):
        record.request_id, record.tenant = "changed", "added"
        return True

    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(change)
    log = logging.getLogger("delivery_risk.access")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        client.get("/version")
        log.setLevel(logging.WARNING)
        client.get("/version")
    finally:
        log.setLevel(logging.NOTSET)
        log.removeHandler(handler)
    (line,) = map(json.loads, written.getvalue().splitlines())
    assert (line["logger"], line["route"], line["status"]) == ("delivery_risk.access", "/version", 200)
    assert (line["request_id"], line["tenant"]) == ("changed", "added")


PROBES = ["/livez", "/healthz", "/readyz", "/metrics"]


@pytest.mark.parametrize(("setting", "logged"), [({}, []), ({"log_probes": "no"}, []), ({"log_probes": "yes"}, PROBES)])
def test_probes_and_scrapes_are_logged_if_a_setting_says_so(make_client, lines, setting, logged):
    client = make_client(**setting)
    for path in PROBES:
        assert client.get(path).status_code == 200
    assert [line.route for line in lines()] == logged


def test_probes_and_scrapes_that_fail_are_logged(lines, tmp_path):
    (tmp_path / "drain").touch()
    service = service_of(drain_file=str(tmp_path / "drain"))
    service.file_watcher.looks["drain"]()
    client = service.app.test_client()
    client.get("/readyz")
    client.post("/metrics")
    assert [(line.route, line.status) for line in lines()] == [("/readyz", 503), ("/metrics", 405)]


CLIENTS = [
    (True, "9.9.9.9", "9.9.9.9"),
    (True, "1.1.1.1, 9.9.9.9", "9.9.9.9"),
    (True, "9.9.9.9,2001:db8::1%SECRET", "2001:db8::1"),
    *((True, text, "10.0.0.7") for text in ("", "unknown", "9.9.9.9,", "9.9.9.9:80", "x\n9.9.9.9", "9" * 5000)),
    (False, "9.9.9.9", "10.0.0.7"),
    (None, "9.9.9.9", "10.0.0.7"),
]


@pytest.mark.parametrize(("trusted", "forwarded", "logged"), CLIENTS)
def test_the_clients_address_is_that_of_the_connection_or_the_last_that_a_trusted_proxy_names(
    make_client, lines, trusted, forwarded, logged
):
    environ = {"REMOTE_ADDR": "10.0.0.7", "HTTP_X_FORWARDED_FOR": forwarded, TRUSTED_PROXY: trusted}
    for setting in ("yes", "no"):
        make_client(log_client=setting).get("/version", environ_overrides=environ)
    with_client, without = lines()
    assert (with_client.client, hasattr(without, "client")) == (logged, False)
    assert not re.search("SECRET", str(vars(with_client)))
