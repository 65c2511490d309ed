"""One event is one line, in JSON and as text."""

import json
import logging
import logging.config
import re
from pathlib import Path

import pytest
from pythonjsonlogger.msgspec import MsgspecFormatter

from service.telemetry import logging as service_logging

GIVEN = {"route": "/score", "status": 422, "duration_ms": 1.5, "error_codes": {"missing": 2}}
HOSTILE = ["a b", 'a"b', "a\nERROR forged", "a\r\nb", "\x1b[2J", "", "é", "a=b"]


def formatter_of(form):
    formatter = service_logging.config("info", form, lambda: None)["formatters"][form]
    return logging.config.DictConfigurator({}).configure_formatter(dict(formatter))


def formatted(form, message="request", **fields):
    """The text of an event."""
    record = logging.makeLogRecord({"name": "delivery_risk.access", "levelname": "INFO", "msg": message, **fields})
    return formatter_of(form).format(record)


def test_a_line_of_text_has_time_level_logger_message_and_fields():
    time, *rest = formatted("text", **GIVEN).split(" ")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", time)
    fields = ["route=/score", "status=422", "duration_ms=1.5", 'error_codes={"missing":2}']
    assert rest == ["INFO", "delivery_risk.access", "request", *fields]


def test_a_line_of_json_has_the_same_fields():
    found = json.loads(formatted("json", **GIVEN))
    assert found.pop("time")
    assert found == {"level": "INFO", "logger": "delivery_risk.access", "message": "request", **GIVEN}


def raised():
    """The exc_info of an error."""
    try:
        raise ValueError("broken")
    except ValueError as error:
        return type(error), error, error.__traceback__


RECORDS = {
    "an event with fields": GIVEN,
    "arguments": {"msg": "%s of %d", "args": ("one", 2)},
    "a failure": {"levelname": "ERROR", "exc_info": raised(), "model_version": "1"},
    "a stack": {"stack_info": "Stack: x", "b": 1, "a": None},
    "names of attributes": {"lineno": 9, "taskName": "t", "threadName": "u", "_private": 1, "asctime": "x"},
    "values of other types": {"a": ["é", {"b": 1.0}], "path": Path("x"), "kind": ValueError},
    "a mapping as its message": {"msg": {"message": "m", "level": "l", "more": 1}},
}


@pytest.mark.parametrize("given", RECORDS.values(), ids=RECORDS)
def test_a_line_of_json_has_the_bytes_that_python_json_logger_gives_it(given):
    oracle = MsgspecFormatter(
        "%(levelname)s %(name)s %(message)s", rename_fields={"levelname": "level", "name": "logger"}, timestamp="time"
    )
    record = logging.makeLogRecord({"name": "delivery_risk.access", "levelname": "INFO", "msg": "request", **given})
    assert formatter_of("json").format(record) == oracle.format(record)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_end_its_field_or_its_line(text):
    line = formatted("text", message=f"it says {text}", path=text, status=404)
    assert line.isprintable()
    found = re.search(r' path=("(?:[^"\\]|\\.)*"|[^ ]+) status=404$', line)
    assert (json.loads(found[1]) if found[1].startswith('"') else found[1]) == text
