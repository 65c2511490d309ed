"""delivery-risk replay: the log of the test data replays for ever, and everything that is not as it was is found and named."""

import gzip
import json
import re
import shutil
import struct
import subprocess
import sys
from base64 import b64decode, b64encode

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from model.artifact import model_file
from service.cli import main
from service.decisions import blocks
from tests.apps import service_of
from tests.raw_orders import INPUTS, raw_model, raw_orders
from tests.recorded_log import CONTEXT, LOG, MODELS


@pytest.fixture
def replay(run):
    return lambda log=LOG, models=MODELS, *more: run("replay", log, "--models", models, *more)


@pytest.fixture
def changed(tmp_path):
    """A copy of the log with one record changed, found by its number of orders in a file without omitted parts."""

    def changed(change, orders):
        folder = tmp_path / "log"
        shutil.copytree(LOG, folder)
        for path in sorted(folder.iterdir()):
            lines = path.read_bytes().splitlines(keepends=True)
            for at, line in enumerate(lines):
                record = json.loads(line)
                if len(record["queues"]) == orders and "omitted" not in record and record["model"]["name"] != "made":
                    found = change(record)
                    lines[at] = found if isinstance(found, bytes) else json.dumps(record).encode() + b"\n"
                    path.write_bytes(b"".join(lines))
                    return folder, f"{path}: line {at + 1}:", record
        raise AssertionError

    return changed


def flipped(number):
    """The number with its last bit flipped."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", number))
    return struct.unpack("<d", struct.pack("<Q", bits ^ 1))[0]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_log_of_the_test_data_replays_without_a_different_bit(replay, jobs):
    done = replay(LOG, MODELS, "--jobs", jobs)
    assert done.exit_code == 0, done.stdout
    assert "25 records of 1064 orders replayed, of 6 files: 0 records differ" in done.stdout
    assert done.stdout.count("by bits") == 2
    assert done.stdout.count("to 1e-12") == 1


@pytest.mark.parametrize("field", ["logits", "scores"])
def test_a_flipped_bit_of_a_decimal_is_found_and_its_order_named(replay, changed, field):
    def change(record):
        record[field][2] = flipped(record[field][2])

    folder, line, record = changed(change, 4)
    done = replay(folder)
    assert done.exit_code == 1
    assert f"{line} decision {record['decision_id']} differs: {field} of {record['order_ids'][2]}\n" in done.stdout
    assert "1 records differ" in done.stdout


@pytest.mark.parametrize("field", ["logits", "scores"])
def test_a_flipped_bit_in_base64_is_found_and_its_order_named(replay, changed, field):
    def change(record):
        data = bytearray(b64decode(record[field]))
        data[8 * 17] ^= 1
        record[field] = b64encode(data).decode()

    folder, line, record = changed(change, 150)
    done = replay(folder)
    assert done.exit_code == 1
    assert f"{line} decision {record['decision_id']} differs: {field} of {record['order_ids'][17]}\n" in done.stdout


@pytest.mark.parametrize(
    ("orders", "change", "named"),
    [
        (1, lambda record: record.update(queues=["review"]), "queues of packaged-0"),
        (5, lambda record: record["ranks"].reverse(), "ranks of packaged-0, packaged-1, packaged-3 and 1 more"),
        (5, lambda record: record["selection"].update(lowest_score=0.5), "selection"),
        (5, lambda record: record["explanations"].update(base=0.5), "explanations"),
        (150, lambda record: record["out_of_range"]["backlog"].pop(), "out_of_range of packaged-144"),
        (120, lambda record: record["imputed"]["backlog"].append(-1), "imputed of"),
        (3, lambda record: record.update(threshold=0.5), "threshold"),
        (3, lambda record: record["values"][0].__setitem__(1, 7.0), "logits of packaged-1; scores of packaged-1"),
        (1, lambda record: record["model"].update(version="2"), "model"),
        (1, lambda record: record.update(holdout={"share": 0.1, "orders": [0]}), "holdout"),
    ],
)
def test_what_differs_is_named(replay, changed, orders, change, named):
    folder, line, _ = changed(change, orders)
    done = replay(folder)
    assert done.exit_code == 1, done.stdout
    (found,) = (each for each in done.stdout.splitlines() if each.startswith(line))
    assert f"differs: {named}" in found


def test_orders_of_a_holdout_are_out_of_review(replay, changed):
    def change(record):
        record["queues"][1] = "monitor"
        record["holdout"] = {"share": 0.5, "orders": [1]}

    folder, _, _ = changed(change, 3)
    assert replay(folder).exit_code == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: json.dumps(record).encode()[:-40] + b"\n", "not a decision record"),
        (lambda record: record.update(v=2), "a record of format 2, which this version does not know"),
        (lambda record: record["scores"].pop(), "lists of different lengths"),
        (lambda record: record["values"].pop(), "values of 2 inputs instead of 3"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(replay, changed, change, reason):
    folder, line, _ = changed(change, 3)
    done = replay(folder)
    assert done.exit_code == 2
    assert f"{line} cannot be read: {reason}\n" in done.stdout
    assert "1 lines or files cannot be read" in done.stdout


def test_a_torn_last_line_is_named_and_is_no_failure(replay, tmp_path):
    folder = tmp_path / "log"
    shutil.copytree(LOG, folder)
    path = next(folder.iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    done = replay(folder)
    assert done.exit_code == 0
    assert re.search(rf"^{path}: line \d+ is torn", done.stdout)
    assert "1 torn last lines" in done.stdout


@pytest.mark.parametrize("change", ["missing", "other bits"])
def test_a_model_that_is_missing_or_has_other_bits_is_named_once(replay, tmp_path, change):
    models = tmp_path / "models"
    shutil.copytree(MODELS, models / "below")
    raw = models / "below" / "raw.npz"
    if change == "missing":
        raw.unlink()
    else:
        raw.write_bytes(raw.read_bytes()[:-1] + b"\1")
    done = replay(LOG, models)
    assert done.exit_code == 2
    (line,) = (each for each in done.stdout.splitlines() if "no model file has this digest" in each)
    assert line.startswith("model raw 1 (sha256 ")
    assert ": 9 records are not replayed, the first " in line


def test_a_record_without_values_or_of_other_arithmetic_is_counted_and_named(replay, changed):
    def change(record):
        del record["values"]
        record["omitted"] = ["values"]

    folder, line, _ = changed(change, 1)
    done = replay(folder)
    assert done.exit_code == 2
    assert f"its values are omitted: 1 records are not replayed, the first {line.removesuffix(':')}" in done.stdout
    shutil.rmtree(folder)
    folder, _, _ = changed(lambda record: record.update(arithmetic=7), 1)
    done = replay(folder)
    assert done.exit_code == 0
    assert "1 records have arithmetic 7; this version has 1" in done.stdout


def test_a_damaged_gzip_file_is_named_and_the_others_are_replayed(replay, tmp_path):
    folder = tmp_path / "log"
    shutil.copytree(LOG, folder)
    path = next(folder.iterdir())
    packed = path.with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert replay(folder).exit_code == 0
    packed.write_bytes(packed.read_bytes()[:-20])
    done = replay(folder)
    assert done.exit_code == 2
    assert f"{packed}: cannot be read" in done.stdout
    assert "1 lines or files cannot be read" in done.stdout


@settings(max_examples=25)
@given(data=st.data())
def test_any_batch_that_the_service_answers_replays(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    model, log = folder / "raw.npz", folder / "log"
    log.mkdir()
    model.write_bytes(model_file.dumps(raw_model(context=(CONTEXT,))))
    service = service_of(model=str(model), decision_log=str(log), out_of_range=data.draw(st.sampled_from(["review", "flag"])))
    service.decision_log.attach(0)
    for _ in range(data.draw(st.integers(1, 4))):
        orders = data.draw(raw_orders(INPUTS))
        for order in orders:
            if data.draw(st.booleans()):
                order["region"] = data.draw(st.sampled_from(["north", "a"]))
        options = data.draw(
            st.sampled_from(["", "?explain=all&changes=true", "?review_top=2&by=region", "?review_top=1&explain=review"])
        )
        assert service.app.test_client().post(f"/score{options}", json={"orders": orders}).status_code == 200
    done = CliRunner().invoke(main, ["replay", str(log), "--models", str(model)])
    assert done.exit_code == 0, done.stdout


PROGRAM = """
import sys
from pathlib import Path
from service.cli import main
try:
    main(sys.argv[1:])
finally:
    print([line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line][0].split()[1])
"""


def test_a_longer_log_takes_no_more_memory(tmp_path):
    path = next(
        each for each in sorted(LOG.iterdir()) if b'"omitted"' not in each.read_bytes() and b'"raw"' in each.read_bytes()
    )
    highest = []
    for times in (200, 1000):  # 7 and 35 MB, more than some blocks
        log = tmp_path / f"decisions-{times}.jsonl"
        log.write_bytes(path.read_bytes() * times)
        assert log.stat().st_size > 5 * blocks.BLOCK_BYTES
        command = [sys.executable, "-c", PROGRAM, "replay", str(log), "--models", str(MODELS)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        highest.append(int(done.stdout.splitlines()[-1]))
    assert highest[1] - highest[0] < 4096


@pytest.mark.parametrize("selection", [{"review_top": "5"}, {"review_top": 10**40}, {"review_top": 2, "by": 7}])
def test_a_selection_that_no_request_has_is_a_line_that_cannot_be_read(changed, replay, selection):
    folder, place, _ = changed(lambda record: record.update(selection=selection), 5)
    done = replay(folder)
    assert done.exit_code == 2
    assert f"{place} cannot be read: a selection that cannot be read" in done.stdout
