"""One event is one line, in JSON and as text."""

import json
import logging
import logging.config
import re

import pytest

from service.telemetry import logging as service_logging

GIVEN = {"route": "/score", "status": 422, "duration_ms": 1.5, "error_codes": {"missing": 2}}
HOSTILE = ["a b", 'a"b', "a\nERROR forged", "a\r\nb", "\x1b[2J", "", "é", "a=b"]


def formatted(form, message="request", **fields):
    """The text of an event."""
    formatter = service_logging.config("info", form, lambda: None)["formatters"][form]
    made = logging.config.DictConfigurator({}).configure_formatter(dict(formatter))
    record = logging.makeLogRecord({"name": "delivery_risk.access", "levelname": "INFO", "msg": message, **fields})
    return made.format(record)


def test_a_line_of_text_has_time_level_logger_message_and_fields():
    time, *rest = formatted("text", **GIVEN).split(" ")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", time)
    fields = ["route=/score", "status=422", "duration_ms=1.5", 'error_codes={"missing":2}']
    assert rest == ["INFO", "delivery_risk.access", "request", *fields]


def test_a_line_of_json_has_the_same_fields():
    found = json.loads(formatted("json", **GIVEN))
    assert found.pop("time")
    assert found == {"level": "INFO", "logger": "delivery_risk.access", "message": "request", **GIVEN}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_end_its_field_or_its_line(text):
    line = formatted("text", message=f"it says {text}", path=text, status=404)
    assert line.isprintable()
    found = re.search(r' path=("(?:[^"\\]|\\.)*"|[^ ]+) status=404$', line)
    assert (json.loads(found[1]) if found[1].startswith('"') else found[1]) == text
