import pytest

from schemas.faults import Fault
from schemas.names import KnownNames, with_hints

KNOWN = ["order_id", "backlog", "weather_severity", "Backlog total"]
NEAR = {
    **dict.fromkeys(["Backlog", " backlog ", "backlog [orders]", "BACKLOG (n)", "back-log", "bcklog"], "backlog"),
    **dict.fromkeys(["weather severity", "Weather-Severity", "weather_severty"], "weather_severity"),
    **dict.fromkeys(["backlog  TOTAL"], "Backlog total"),
    **dict.fromkeys(["", "carrier", "[backlog]"], None),
}


@pytest.mark.parametrize(("name", "expected"), NEAR.items())
def test_the_nearest_name_differs_in_case_spaces_units_or_a_letter(name, expected):
    assert KnownNames(KNOWN).nearest(name) == expected


def test_hints_are_for_unknown_names_alone_and_of_many_for_the_first():
    faults = [Fault("missing", name="backlog"), *(Fault("unknown_name", position=n, name="Backlog") for n in range(30))]
    hinted = with_hints(faults, "unknown_name", lambda fault: (tuple(KNOWN), str(fault.name)))
    assert [fault.hint for fault in hinted] == [None, *["did you mean backlog?"] * 20, *[None] * 10]
