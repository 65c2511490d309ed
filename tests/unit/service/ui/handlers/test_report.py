import base64
import hashlib
import os
import re
from datetime import UTC, datetime

import pytest

from service.offline.evaluation import plots, report, written_report
from tests.apps import service_of
from tests.evaluations import evaluation
from tests.people_pages import HOSTILE, opened

MADE = datetime(2026, 11, 30, 7, 5, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "reports"
    made.mkdir()
    return made


@pytest.fixture
def client(folder):
    return service_of(ui="on", ui_reports=str(folder)).app.test_client()


def write(path, written, figures=(), **changes):
    """Write a report of an evaluation with these changes, at this time."""
    content = report.html(evaluation(**changes), figures, MADE)
    path.write_text(content)
    os.utime(path, (written, written))
    return content


def test_the_newest_report_is_shown_as_it_was_written(client, folder):
    write(folder / "z.html", 1_700_000_000)
    content = write(folder / "a.HTML", 1_800_000_000, plots.draw(evaluation()), source=HOSTILE)
    (folder / "newer.txt").write_text("no page")
    (folder / "folder.html").mkdir()
    answer = client.get("/ui/report")
    assert (answer.status_code, answer.content_type, answer.text) == (200, "text/html; charset=utf-8", content)
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Referrer-Policy"]) == ("nosniff", "same-origin")
    assert "<script" not in answer.text
    link = '<a href="report">'
    model = client.get("/ui/model").text
    assert link in model
    assert "written 2027-01-15 08:00 UTC." in model


def test_the_policy_of_a_report_allows_its_own_style_sheet_alone(client, folder):
    content = write(folder / "a.html", 1)
    style = content.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = client.get("/ui/report").headers.getlist("Content-Security-Policy")
    own = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert policy == [f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; {own}"]
    (meta,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', content)
    assert f"'sha256-{digest}'" in meta


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><title>SECRET</title>",
        b"",
        b"\xff\xfe",
        b"x" * 2000 + b'<meta name="generator" content="delivery-risk evaluate"><style></style>',
        b'<meta name="generator" content="delivery-risk evaluate">',
        b'<meta name="generator" content="delivery-risk evaluate"><style></style><style>SECRET</style>',
        b'<meta name="generator" content="another"><style></style>',
    ],
    ids=["another page", "empty", "no text", "marked too late", "no style", "two styles", "another generator"],
)
def test_a_page_that_evaluate_did_not_write_is_not_shown(client, folder, content):
    write(folder / "a.html", 1)
    (folder / "b.html").write_bytes(content)
    reason = "is not a report of this version's `delivery-risk evaluate`. Write a report there, or move the file elsewhere."
    page = opened(client, "/ui/report", 404)
    assert reason in page.text
    assert "SECRET" not in page.text
    page = opened(client, "/ui/model")
    assert reason in page.text
    assert all(found["href"] != "report" for found in page.all("a"))


@pytest.mark.parametrize(
    "added",
    [
        '<meta http-equiv="refresh" content="0;url=https://evil.example">',
        '<META/HTTP-EQUIV=refresh content="0;url=https://evil.example">',
        '<meta name="a" content=">" http-equiv="&#114;efresh">',
        '<meta\nhttp-equiv="refresh" content="0">',
    ],
)
def test_a_report_that_leads_to_another_page_by_itself_is_not_shown(client, folder, added):
    content = write(folder / "a.html", 1)
    for changed in (content.replace("</head>", f"{added}</head>"), content.replace("</body>", f"{added}</body>")):
        assert changed != content
        (folder / "a.html").write_text(changed)
        assert "is not a report" in opened(client, "/ui/report", 404).text


def test_a_file_that_cannot_be_shown_is_reported(client, folder, monkeypatch):
    write(folder / "a.html", 1)
    monkeypatch.setattr(written_report, "LIMIT", 100)
    assert "is not shown: over 100 bytes." in opened(client, "/ui/report", 404).text


@pytest.mark.parametrize("path", ["/ui/report", "/ui/model"])
def test_without_a_report_the_page_says_what_to_do(client, folder, path):
    status = 404 if path == "/ui/report" else 200
    os.mkfifo(folder / "pipe.html")
    (folder / "dangling.html").symlink_to(folder / "nowhere")
    empty = "The folder of reports has no .html file. Write one there with `delivery-risk evaluate --report`."
    assert empty in opened(client, path, status).text
    folder.rename(folder.with_name("moved"))
    gone = "The folder of reports cannot be read (No such file or directory). Check the setting and its permissions."
    assert gone in opened(client, path, status).text
    unset = service_of(ui="on").app.test_client()
    assert "No folder of reports is set. Set DELIVERY_RISK_UI_REPORTS" in opened(unset, path, status).text
