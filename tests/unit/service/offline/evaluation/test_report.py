import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from service.offline.evaluation import plots, report
from service.offline.evaluation.evaluation import METRICS, Day, Estimate, Group
from tests.evaluations import evaluation, without_recommendation

MADE = datetime(2026, 11, 30, 7, 5, tzinfo=UTC)
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{ 7 * 7 }}&amp;"""
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """The elements, attributes and texts of a page, whose elements must be closed in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def texts_of(self, tag):
        return [text for name, text in self.texts if name == tag]


def page(made, figures=()):
    return Page(report.html(made, figures, MADE))


@pytest.fixture(scope="module")
def figures():
    return plots.draw(evaluation())


@pytest.fixture(scope="module")
def complete(figures):
    return page(evaluation(), figures)


def test_a_report_has_no_script_no_handler_and_no_address(figures):
    html = report.html(evaluation(), figures, MADE)
    parsed = Page(html)
    (icon,) = parsed.all("link")  # else browsers ask a server for one
    assert icon == {"rel": "icon", "href": "data:,"}
    assert not {tag for tag, _ in parsed.elements} & {"script", "iframe", "object", "embed", "img", "form", "base", "a"}
    assert not [
        key for _, attributes in parsed.elements for key in attributes if key.startswith("on") or key in ("src", "style")
    ]
    others = [attributes for _, attributes in parsed.elements if attributes != icon]
    assert all(attributes["href"].startswith("#") for attributes in others if "href" in attributes)
    assert "//" not in html
    assert not re.search(r"url\((?!#)|@import", html)


def test_the_policy_of_a_report_allows_its_own_style_sheet_alone(figures):
    html = report.html(evaluation(), figures, MADE)
    (policy,) = (each["content"] for each in Page(html).all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    (style,) = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_the_ids_of_a_report_are_unique_and_each_reference_has_one(figures):
    html = report.html(evaluation(), figures, MADE)
    parsed = Page(html)
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    used = {each["href"][1:] for tag, each in parsed.elements if "href" in each and tag != "link"} | set(
        re.findall(r"url\(#(.+?)\)", html)
    )
    used |= {each["aria-labelledby"] for _, each in parsed.elements if "aria-labelledby" in each}
    assert used
    assert used <= set(ids)


def test_each_figure_has_a_label_and_a_caption(complete):
    labels = [each["aria-label"] for each in complete.all("svg")]
    assert len(set(labels)) == 4
    assert all(each["role"] == "img" for each in complete.all("svg"))
    assert len(complete.texts_of("figcaption")) == 4


def test_each_table_has_a_caption_and_each_of_its_headers_a_scope(complete):
    assert len(complete.all("table")) == len(complete.texts_of("caption")) == 5
    assert all(each["scope"] in ("row", "col") for each in complete.all("th"))


def test_headings_have_no_gap(complete):
    levels = [int(tag[1]) for tag, _ in complete.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_recommendation_is_first(complete):
    assert complete.texts_of("h2")[0] == "Recommended threshold"
    assert ("p", "0.75") in complete.texts
    assert complete.texts_of("dd")[:4] == ["1.0", "10.0 %", "75.0 %", "30.0 %"]
    assert "At 0.70 there are 2 reviews a day." in complete.texts_of("li")


def test_a_report_says_who_made_it_of_what_and_when(complete):
    texts = [text for _, text in complete.texts]
    assert {"delays 3", "0123456789abcdef" * 4, "orders.csv", "2026-11-30T07:05:00+00:00"} <= set(texts)
    assert "3 orders have no outcome." in texts


def test_without_a_recommendation_a_report_says_so():
    parsed = page(without_recommendation())
    assert "None: no capacity and no costs were given. The model's threshold is 0.5: 2.0 reviews a day." in parsed.texts_of("p")
    assert "To review, recommended" not in parsed.texts_of("th")


def test_a_metric_that_is_not_defined_is_no_number():
    metrics = {name: Estimate(None, None, None) for name in METRICS} | {"brier": Estimate(0.25, None, None)}
    parsed = page(evaluation(groups=[Group("all", 4, 0, metrics)]))
    row = parsed.texts[parsed.texts.index(("bdi", "all")) :][:8]
    assert [text for _, text in row] == ["all", "4", "0", "not defined", "not defined", "0.2500", "not defined", "not defined"]


def test_an_interval_is_beside_its_metric(complete):
    assert complete.texts_of("span").count("0.6500 to 0.7500") == 2 * len(METRICS)


def test_an_evaluation_of_one_day_or_of_none_has_a_report():
    assert "40 orders of 1 day, 10 of them late (25.0 %)." in page(evaluation(days=[Day("2026-11-30", 40, 10, 3, 1)])).texts_of(
        "p"
    )
    nothing = without_recommendation(orders=0, late=0, groups=[], calibration=[], thresholds=[], days=[], scores=[], notes=[])
    assert "Notes" not in page(nothing).texts_of("h2")


def test_hostile_text_is_text():
    made = evaluation()
    recommendation = replace(made.recommendation, reason=HOSTILE, consequences=[HOSTILE])
    metrics = made.groups[0].metrics
    parsed = page(
        evaluation(
            source=HOSTILE,
            model=dict.fromkeys(("name", "version", "sha256"), HOSTILE),
            groups=[Group(HOSTILE, 1, 1, metrics)],
            days=[Day(HOSTILE, 1, 1, 1, 1)],
            notes=[HOSTILE],
            recommendation=recommendation,
        )
    )
    assert not parsed.all("script")
    assert not parsed.all("img")
    assert sum(text.count(HOSTILE) for _, text in parsed.texts) == 13


def test_the_same_evaluation_and_time_give_the_same_page(figures):
    assert report.html(evaluation(), figures, MADE) == report.html(evaluation(), plots.draw(evaluation()), MADE)
