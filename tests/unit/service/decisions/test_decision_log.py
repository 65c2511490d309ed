"""What a service answers, counts and logs while its decision log cannot be written, by policy."""

import json
import shutil
from time import monotonic

import pytest

from schemas.decision_record import loads
from service import config
from service.config import SettingsError
from service.decisions import decision_log, reading
from tests.apps import samples, service_of
from tests.facts import ORDERS

FAILING, FAILURES = "delivery_risk_decision_log_failing", 'delivery_risk_decision_log_failures_total{{policy="{}"}}'


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "log"
    path.mkdir()
    return path


def shown(**given):
    """A service that shows its initial series."""
    service = service_of(**given)
    service.show_initial_series()
    return service


def score(client):
    return client.post("/score", json={"orders": ORDERS})


def recorded(folder):
    """The records of the log, by their decision ids."""
    lines = [line for path in reading.log_files([str(folder)], "decisions") for line in reading.lines(path)]
    found = {record.decision_id: record for record in (loads(line.text) for line in lines)}
    assert len(found) == len(lines)
    return found


def logged(caplog):
    return [each.message for each in caplog.records if each.name == "delivery_risk.decisions"]


def test_each_answer_has_the_id_of_its_record(folder):
    client = shown(decision_log=str(folder)).app.test_client()
    ids = [score(client).json["decision_id"] for _ in range(3)]
    assert [*recorded(folder)] == ids
    assert samples(client)[FAILING] == 0


def test_by_the_policy_refuse_batches_are_answered_503_until_the_folder_is_back(folder, caplog):
    caplog.set_level("INFO")
    service = shown(decision_log=str(folder))
    client = service.app.test_client()
    assert score(client).status_code == 200
    shutil.rmtree(folder)
    for _ in range(3):
        answer = score(client)
        assert (answer.status_code, answer.headers["Retry-After"], "results" in answer.json) == (503, "5", False)
    service.decision_log.look()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json["detail"]) == (
        503,
        "The decision log cannot be written: No such file or directory.",
    )
    assert client.get("/livez").status_code == 200
    found = samples(client)
    assert (found[FAILING], found[FAILURES.format("refuse")], found[FAILURES.format("serve")]) == (1, 3, 0)
    folder.mkdir()
    service.decision_log.look()
    assert client.get("/readyz").status_code == 200
    assert score(client).json["decision_id"] in recorded(folder)
    assert samples(client)[FAILING] == 0
    assert logged(caplog) == [
        "the decision log cannot be written; batches are answered 503",
        "the decision log can be written again",
    ]


def test_by_the_policy_serve_batches_are_answered_without_an_id_until_the_folder_is_back(folder, caplog):
    caplog.set_level("INFO")
    service = shown(decision_log=str(folder), decision_log_on_failure="serve")
    client = service.app.test_client()
    before = score(client).json
    shutil.rmtree(folder)
    for _ in range(3):
        answer = score(client)
        assert (answer.status_code, "decision_id" in answer.json, answer.json["results"]) == (200, False, before["results"])
    assert client.get("/readyz").status_code == 200
    found = samples(client)
    assert (found[FAILING], found[FAILURES.format("refuse")], found[FAILURES.format("serve")]) == (1, 0, 3)
    folder.mkdir()
    service.decision_log.look()
    assert score(client).json["decision_id"] in recorded(folder)
    assert logged(caplog)[0] == "the decision log cannot be written; batches are answered without a decision_id"
    assert len(logged(caplog)) == 2


def test_a_look_without_a_request_notices_that_the_folder_is_gone(folder):
    service = shown(decision_log=str(folder))
    shutil.rmtree(folder)
    service.decision_log.look()
    assert service.app.test_client().get("/readyz").status_code == 503


def test_a_worker_proves_the_folder_where_another_one_fails(folder, monkeypatch):
    service = service_of(decision_log=str(folder), workers="2")
    proofs = []
    monkeypatch.setattr(service.decision_log._files, "prove", proofs.append)
    service.decision_log.look()
    assert proofs == []
    service.metrics.counters.attach(7)  # more workers than 2 run while they are renewed
    service.metrics.count(FAILING)
    service.decision_log.look()
    assert len(proofs) == 1
    service.metrics.worker_ended(7)
    service.decision_log.look()
    assert len(proofs) == 1


def test_a_line_that_did_not_fit_must_fit_before_the_log_is_written_again(folder, monkeypatch):
    service = shown(decision_log=str(folder))
    room = []

    def fails(line):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service.decision_log._files, "append", fails)
    monkeypatch.setattr(service.decision_log._files, "prove", room.append)
    orders = [{**ORDERS[0], "order_id": f"{number:0100}"} for number in range(2000)]
    assert service.app.test_client().post("/score", json={"orders": orders}).status_code == 503
    service.decision_log.look()
    assert room[0] > 2000 * 100


def test_a_write_that_hangs_is_noticed_and_the_log_fails(folder):
    log = service_of(decision_log=str(folder)).decision_log
    log.watch()
    assert (log.waits, log.closed) == (False, None)
    log._files.since = monotonic() - 0.5
    log.watch()
    assert (log.waits, log.closed) == (True, None)
    log._files.since = monotonic() - 2
    log.watch()
    assert log.closed == "the file system does not answer"


def test_after_a_slow_write_and_with_sync_by_request_others_do_not_wait(folder, monkeypatch):
    assert service_of(decision_log=str(folder), decision_log_sync="request").decision_log.waits
    service = shown(decision_log=str(folder))
    assert not service.decision_log.waits
    monkeypatch.setattr(decision_log, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(decision_log, "FAST_BYTES", 1e99)
    score(service.app.test_client())
    assert service.decision_log.waits


@pytest.mark.parametrize("policy", ["refuse", "serve"])
@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.touch()], ids=["nothing there", "a file there"])
def test_a_service_does_not_start_without_the_folder(tmp_path, policy, make):
    make(tmp_path / "log")
    with pytest.raises(SettingsError) as raised:
        service_of(decision_log=str(tmp_path / "log"), decision_log_on_failure=policy)
    assert raised.value.faults == {config.variable("decision_log"): "the folder does not exist"}


def test_omitted_parts_are_in_no_record(folder):
    client = service_of(decision_log=str(folder), decision_log_omit="order_ids").app.test_client()
    decision_id = score(client).json["decision_id"]
    assert recorded(folder)[decision_id].order_ids is None
    assert str(ORDERS[0]["order_id"]) not in json.dumps([path.read_text() for path in folder.iterdir()])
