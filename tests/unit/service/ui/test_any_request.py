"""Any form and any query is answered: with a page that is well-formed, or with CSV that is safe, and never by a failure."""

import csv
import random
from io import StringIO
from urllib.parse import quote

import pytest

from model.artifact import model_file
from model.core.manifest import Context
from service.ui.ranked_csv import FORMULA
from tests.apps import app_of
from tests.people_pages import PeoplePage
from tests.raw_orders import ORDERS, raw_model
from tests.visitors import ORIGIN

PAGES = ("/ui", "/ui/order", "/ui/upload", "/ui/model", "/ui/compare", "/ui/report", "/ui/decisions", "/ui/sign-in")
FORMS = ("/ui/order", "/ui/replay", "/ui/upload", "/ui/sign-in", "/ui/sign-out")
GIVEN = {"backlog": "3", "distance": "5", "carrier": "AA", "depot": "EWR", "size": "S", "month": "6"}
ODD = ["", "-0", "1e308", "1e999", "NaN", "9" * 5000, "=1+1", "@A1", "\u202e", "\x00", "é", " ", "\r\n", '"', ",", "\t", "%00"]
ODD += ["<b>", "{{7*7}}", "x" * 129, "A-1", "N", "hub", "8", "\u0663", "\uff11", "1_000", "QUJD", "1"]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    (folder / "log").mkdir()
    model_file.write(raw_model(context=(Context("hub", ("N", "S")),)), folder / "raw.npz")
    app = app_of(ui="on", model=str(folder / "raw.npz"), decision_log=str(folder / "log"))
    return app.test_client()


class Draw(random.Random):
    """Draws what people and attackers may send."""

    def text(self):
        made = "".join(
            chr(self.choice([self.randrange(1, 128), self.randrange(0x80, 0x2100)])) for _ in range(self.randrange(8))
        )
        return made if self.random() < 0.2 else self.choice(ODD)

    def mostly(self, text):
        return text if self.random() < 0.8 else self.text()

    def rows(self):
        columns = ["order_id", *GIVEN, "hub"]
        if self.random() < 0.3:
            columns = self.choices([*columns, "", "other"], k=self.randrange(10))
        given = {**GIVEN, "hub": "N"}
        stream = StringIO(newline="")
        rows = (
            [self.mostly(given.get(name, f"{self.choice('O=@+-')}{at}")) for name in columns] for at in range(self.randrange(5))
        )
        csv.writer(stream).writerows([columns, *rows] if columns else [])
        content = stream.getvalue().encode()
        return content if self.random() < 0.9 else content[: self.randrange(len(content) + 1)] + self.randbytes(2)

    def fields(self, path, decision_id):
        return {
            "/ui/order": {f"input-{name}": self.mostly(text) for name, text in GIVEN.items()},
            "/ui/replay": {"decision": self.mostly(decision_id), "order": self.mostly("A-1")},
            "/ui/upload": {name: self.mostly("") for name in ("review_top", "by", "again")}
            | {"answer": self.choice(["csv", ""])},
            "/ui/sign-in": {"token": self.text(), "then": self.text()},
            "/ui/sign-out": {},
        }[path] | {self.text(): self.text()}


def multipart(items):
    begin = b'--b\r\nContent-Disposition: form-data; name="'
    parts = [begin + name.replace('"', "").encode() + end + b"\r\n\r\n" + content + b"\r\n" for name, end, content in items]
    return b"".join(parts) + b"--b--\r\n"


def require_safe(answer):
    assert answer.status_code < 500
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    if answer.content_type.startswith("text/csv"):
        head, *rows = csv.reader(StringIO(answer.data.decode("utf-8-sig"), newline=""))
        texts = [row[head.index(name)] for row in rows for name in ("order_id", "hub") if name in head]
        assert {len(row) for row in rows} <= {len(head)}
        assert not any(text.startswith(FORMULA) for text in texts)
    elif answer.data:
        PeoplePage(answer.text)


@pytest.mark.parametrize("seed", range(8))
def test_any_form_is_answered(client, seed):
    draw, mark = Draw(seed), PeoplePage(client.get("/ui/order").text).fields["mark"]
    orders = [order | {"hub": "N"} for order in ORDERS]
    decision_id = client.post("/score?explain=all&changes=true", json={"orders": orders}).json["decision_id"]
    statuses = set()
    for _ in range(50):
        path = draw.choice(FORMS)
        fields = draw.fields(path, decision_id) | {"mark": mark}
        body = "&".join(f"{quote(name)}={quote(text)}" for name, text in fields.items()).encode()
        kind = "application/x-www-form-urlencoded"
        if path == "/ui/upload" or draw.random() < 0.5:
            items = [(name, b'"', text.encode()) for name, text in fields.items()]
            body = multipart([*items, ("orders", b'"; filename="day.csv"', draw.rows())])
            kind = "multipart/form-data; boundary=b"
        if draw.random() < 0.1:
            body = body[: draw.randrange(len(body))] + draw.randbytes(3)
        answer = client.post(path, data=body, content_type=kind, headers={"Origin": ORIGIN})
        require_safe(answer)
        statuses.add(answer.status_code)
    assert {200, 303, 400, 422} <= statuses


@pytest.mark.parametrize("seed", range(3))
def test_any_query_is_answered(client, seed):
    draw = Draw(seed)
    for _ in range(40):
        names = draw.choices(("order", "from", "to", "x"), k=2)
        require_safe(client.get(f"{draw.choice(PAGES)}?{'&'.join(f'{name}={quote(draw.text())}' for name in names)}"))
