"""What every answer of the application must be: a success, or a problem that points into the request and repeats no value."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.faults import CODES, LONGEST_NAME
from schemas.formats.table import CSV, JSON
from service.web.errors import MEDIA_TYPE, MOST_ERRORS, PROBLEMS
from tests.mutated_bodies import MARKS

_MEMBERS = {"type", "title", "status", "detail", "request_id"}
TYPES = {f"urn:delivery-risk:problem:{kind}" for kind, _ in PROBLEMS.values()} | {"urn:delivery-risk:problem:http-error"}


class Answer:
    """One answer of a WSGI application."""

    def __init__(self, application: Callable[..., Any], environ: Mapping[str, Any]) -> None:
        self.headers: dict[str, str] = {}
        body = application(dict(environ), self._start)
        self.body = b"".join(body)
        if hasattr(body, "close"):
            body.close()

    def _start(self, line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.status = int(line[:3])
        self.headers = {name.lower(): value for name, value in headers}


def environ(method: str, path: str, body: bytes = b"", query: str = "", **variables: str) -> dict[str, Any]:
    """The environ that a server makes of a request."""
    given = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body))}
    server = {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost"}
    wsgi = {"wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO()}
    flags = dict.fromkeys(("wsgi.multithread", "wsgi.multiprocess"), True) | {"wsgi.run_once": False}
    return {"SCRIPT_NAME": "", "REMOTE_ADDR": "127.0.0.1", **given, **server, **wsgi, **flags, **variables}


def assert_problem(answer: Answer) -> dict[str, Any]:
    """A problem with the documented members and nothing else; its document."""
    assert answer.headers["content-type"] == MEDIA_TYPE
    found: dict[str, Any] = json.loads(answer.body)
    assert found.keys() - {"errors", "error_count"} == _MEMBERS
    assert found["status"] == answer.status != 500
    assert found["type"] in TYPES
    assert found["request_id"] == answer.headers["x-request-id"]
    assert ("errors" in found) == ("error_count" in found) == (answer.status == 422)
    assert all(isinstance(found[name], str) for name in _MEMBERS - {"status"})
    return found


def assert_answered(answer: Answer, media_type: str, body: bytes, *, partial: bool) -> int:
    """Scores of orders that were sent, or a rejection whose errors point into the request. Returns the status."""
    sent = _Table(body) if media_type == CSV else _Document(body)
    errors: list[dict[str, Any]] = []
    if answer.status != 200:
        found = assert_problem(answer)
        assert answer.status in (400, 422)
        errors = found.get("errors", [])
        assert answer.status == 400 or 1 <= len(errors) == min(MOST_ERRORS, found["error_count"])
    elif media_type == CSV:
        assert answer.headers["content-type"] == CSV
        rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
        assert {row["order_id"] for row in rows} <= {*sent.ids(), ""}
        assert all(0 <= float(row["score"]) <= 1 for row in rows if not row.get("errors"))
    else:
        assert answer.headers["content-type"] == JSON
        found = json.loads(answer.body)
        rows = found.get("results", [])
        scores = found["scores"] if "scores" in found else [row["score"] for row in rows]
        ids = found["order_ids"] if "scores" in found else [row["order_id"] for row in rows]
        assert all(0 <= score <= 1 for score in scores)
        assert {*ids} <= {*sent.ids()}
        assert len(ids) == len(scores) == len({*ids})
        assert ("errors" in found) == partial
        errors = found.get("errors", [])
        assert len(errors) == found.get("error_count", 0)
    for error in errors:
        assert error.keys() - {"order_id"} == {"pointer", "code", "detail"}
        assert error["detail"] == CODES[error["code"]]
        assert sent.has(_steps(error["pointer"]), missing=error["code"] == "missing"), error
        assert error.get("order_id", "") in ("", *sent.ids())
    for mark in MARKS:
        assert any(mark in name for name in (*sent.names, *sent.ids())) or mark.encode() not in answer.body
        assert mark not in str(answer.headers)
    return answer.status


def _steps(pointer: str) -> list[str]:
    assert re.fullmatch(r"(/([^~/]|~[01])*)*", pointer, re.DOTALL), pointer
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _reported(name: str) -> str:
    return name[:LONGEST_NAME].encode("utf-8", "replace").decode()


class _Document:
    """A JSON body as it was sent, or nothing where it is not JSON. `names` are those of all its objects."""

    def __init__(self, body: bytes) -> None:
        self.names: list[str] = []
        try:
            self.found = json.loads(body, object_pairs_hook=self._object, parse_int=lambda digits: float(digits))
        except (ValueError, RecursionError):
            self.found = None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.names += [name for name, _ in pairs]
        return dict(pairs)

    def ids(self) -> Sequence[str]:
        """The order ids that an answer may contain."""
        found = self.found if isinstance(self.found, dict) else {}
        orders, columns = (found[name] if isinstance(found.get(name), list) else [] for name in ("orders", "order_ids"))
        records = [order.get("order_id") for order in orders if isinstance(order, dict)]
        return [given for given in (*records, *columns) if isinstance(given, str)]

    def has(self, steps: Sequence[str], *, missing: bool) -> bool:
        """Whether the steps lead to a value in it or, where one is missing, to the object that should have it."""
        node = self.found
        for step in steps[:-1] if missing else steps:
            members = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list) else {}
            named = [members[name] for name in members if _reported(str(name)) == step]
            if not named:
                return False
            node = named[0]
        return not missing or (isinstance(node, dict) and steps[-1] not in node)


class _Table:
    """A CSV body as it was sent, or nothing where it is not CSV. `names` are those of its header."""

    def __init__(self, body: bytes) -> None:
        try:
            rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if row]
        except (UnicodeDecodeError, csv.Error):
            rows = []
        self.names, self.rows = (rows[0], rows[1:]) if rows else ([], [])

    def ids(self) -> Sequence[str]:
        """The order ids that an answer may contain."""
        places = [at for at, name in enumerate(self.names) if name == "order_id"]
        return [row[at] for row in self.rows for at in places if at < len(row)]

    def has(self, steps: Sequence[str], *, missing: bool) -> bool:
        """Whether the steps lead to a column, or to a row below the header and a cell of it."""
        named = len(steps) == 1 and any(_reported(name) == steps[0] for name in self.names)
        if missing:
            return len(steps) == 1 and not named
        in_row = bool(steps) and steps[0] in map(str, range(len(self.rows))) and {*steps[1:]} <= {*self.names}
        return not steps or named or in_row
