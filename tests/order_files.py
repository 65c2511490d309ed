"""Files of orders for tests of the command line, for the packaged model: a column that it does not use, and a rejected row."""

import io
from collections.abc import Iterator

from schemas.files.row import Row

HEADER = "order_id,backlog,note,route_disruption,weather_severity\n"
ROWS = "A-104,3,first,2,1\nB-208,7,,8,9\nC-311,9,third,5,4\n"
REJECTED = "D,,x,2,1\n"
ONE = "order_id,route_disruption,backlog,weather_severity\na,1,1,1\n"
JSON_LINE = '{"order_id": "A-104", "route_disruption": 2, "backlog": 3, "weather_severity": 1}\n'


def many(count: int) -> str:
    """So many orders, under the header."""
    return HEADER + "".join(f"{number},3,,2,1\n" for number in range(count))


def opened(text: str) -> io.TextIOWrapper:
    """A file of this text, opened as the command line opens it."""
    return io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogateescape")), "utf-8-sig", "surrogateescape", newline="")


class Rows(list[Row]):
    """The rows of a file whose format does not matter."""

    contexts = ()

    def blocks(self, size: int) -> Iterator[list[Row]]:
        return (self[begin : begin + size] for begin in range(0, len(self), size))
