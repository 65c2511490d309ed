from dataclasses import replace

import pytest

from model.artifact import model_file
from model.core.manifest import Context, Input
from tests.apps import samples, service_of
from tests.models import one_input, reference_of
from tests.people_pages import HOSTILE, opened
from tests.raw_orders import FEATURES, INPUTS, ORDERS, baseline_of, raw_model


@pytest.fixture
def client_of(tmp_path):
    """A client of a service of this model."""

    def made(model, **settings):
        model_file.write(model, tmp_path / "made.npz")
        return service_of(model=str(tmp_path / "made.npz"), ui="on", **settings).app.test_client()

    return made


def baselined(**described):
    given = {"inputs": [Input("backlog", "orders", "Orders that wait.", 0.0, 60.0)], "mean": [20.0], "scale": [10.0]}
    return one_input(**given | described)


def percent(share):
    return f"{100 * share:.1f} %"


def test_the_page_has_the_numbers_of_the_model_card(client_of):
    client = client_of(raw_model(baseline=None), out_of_range="flag")
    page, card = opened(client), client.get("/model").json
    for text in (
        card["model_sha256"],
        f"{card['model_name']} {card['model_version']}",
        f"{card['parameter_count']} parameters",
    ):
        assert text in page.text
    assert "2026-01-01 00:00 UTC" in page.text
    assert "6 inputs, 13 features; 3 units (relu), 1 unit (linear); sigmoid." in page.text
    assert "They are marked, and their score decides where they go." in page.text
    cells = {row[0].split()[0]: row[1:] for row in page.body("Table of inputs")}
    assert list(cells) == [each["name"] for each in card["inputs"]]
    assert cells["backlog"] == ["0 to 60 Mean 0", "counts as 4.5"]
    assert cells["distance"][0].startswith("at least 0")
    assert cells["carrier"] == ["AA , B:6 , ü Others are rejected.", "rejected"]
    assert cells["depot"] == ["EWR , JFK Others count as none of them.", "none of the values"]
    assert cells["size"] == ["S , L Others are rejected.", "counts as S"]


def test_live_shares_are_those_of_the_metrics_beside_those_of_the_baseline(client_of):
    client = client_of(baselined(baseline=reference_of(["backlog"])))
    orders = [{"order_id": f"O{at}", "backlog": at} for at in range(50)]
    assert client.post("/score", json={"orders": orders}).status_code == 200
    page, scraped = opened(client), samples(client)
    edges = [f"{step / 20:.12g}" for step in range(1, 21)]
    edges = [edge if "." in edge else f"{edge}.0" for edge in edges]
    up_to = [scraped[f'delivery_risk_score_bucket{{le="{edge}",model_version="1"}}'] for edge in edges]
    counts = [after - before for before, after in zip([0.0, *up_to], up_to, strict=False)]
    known = [0.4, *[0.0] * 18, 0.6]
    marks = {9: " threshold"}  # 0.5
    expected = [
        [f"{at / 20:.2f} to {(at + 1) / 20:.2f}{marks.get(at, '')}", percent(known[at]), percent(counts[at] / 50), ""]
        for at in range(20)
        if counts[at] or known[at]
    ]
    assert sum(counts) == 50
    assert len(expected) > 5
    assert page.body("Table of live scores") == expected
    review = scraped['delivery_risk_orders_total{model_version="1",queue="review"}']
    assert f"50 orders scored with this version, {percent(review / 50)} sent to review." in page.text
    assert "Of the 10 orders of the baseline 60.0 % go there." in page.text
    assert "Live are all workers of this service, by any route, since it was started" in page.text
    assert "Of fewer than 400 orders, chance alone moves these shares." in page.text


def test_opening_the_page_counts_nothing(client_of):
    client = client_of(baselined())
    before = samples(client)
    opened(client)
    changed = {name for name, value in samples(client).items() if before.get(name) != value}
    assert not any("score" in name or "orders" in name for name in changed)


def test_the_calibration_is_that_of_the_card(client_of):
    client = client_of(baselined(baseline=reference_of(["backlog"])))
    page = opened(client)
    rows = client.get("/model").json["reference"]["calibration"]
    expected = [
        [f"{row['to']:.2f}", str(row["orders"]), percent(row["mean_score"]), percent(row["observed_rate"])] for row in rows
    ]
    assert page.body("Table of the calibration") == expected
    dots = [(float(each["cx"]), float(each["cy"])) for each in page.all("circle")]
    assert dots == [pytest.approx((100 * row["mean_score"], 100 - 100 * row["observed_rate"])) for row in rows]


def test_the_distribution_of_a_number_is_in_its_unit_and_that_of_a_category_by_value(client_of):
    model = raw_model()
    page = opened(client_of(raw_model(baseline=baseline_of(model))))
    cells = {row[0].split()[0]: row[1:] for row in page.body("Table of inputs")}
    mean, scale = float(model.standardizer.mean[0]), float(model.standardizer.scale[0])
    only = f"{mean - 0.5 * scale:.2f} to {mean:.2f}"
    assert cells["backlog"][2] == f"Most often {only} (100.0 %) {only} : 100.0 %"
    given = [order.get("carrier") for order in ORDERS + 6 * ORDERS[:1]]
    shares = {value: percent(given.count(value) / 10) for value in ("AA", "B:6", "ü")}
    listed = " ".join(f"{value} : {share}" for value, share in shares.items())
    assert cells["carrier"][2] == f"Most often AA ({shares['AA']}) {listed}"
    assert cells["distance"][2] == "No distribution of the input itself."
    missing = [order.get("backlog") for order in ORDERS + 6 * ORDERS[:1]].count(None)
    assert cells["backlog"][1] == f"counts as 4.5 Baseline {percent(missing / 10)}"
    unknown = [order.get("depot") for order in ORDERS + 6 * ORDERS[:1]]
    assert f"Baseline {percent(sum(value not in (None, 'EWR', 'JFK') for value in unknown) / 10)}." in cells["depot"][0]


@pytest.mark.parametrize(
    ("mean", "scale", "bin"),
    [
        (20.0, 10.0, "15 to 20"),
        (2017.0, 1.0, "2,016.5 to 2,017.0"),
        (0.0008, 0.0034, "-0.0009 to 0.0008"),
        (4.9999, 10.0, "0 to 5"),
        (1e308, 1e308, "5e+307 to 1e+308"),
        (0.0, 1e-300, "-5e-301 to 0"),
    ],
)
def test_the_edges_of_bins_have_the_digits_that_they_differ_in(client_of, mean, scale, bin):
    page = opened(client_of(baselined(mean=[mean], scale=[scale], baseline=reference_of(["backlog"]))))
    assert page.body("Table of inputs")[0][3].startswith(f"Most often {bin} (100.0 %)")


def test_without_a_baseline_the_page_says_how_to_get_one(client_of):
    page = opened(client_of(baselined()))
    assert "The model has no baseline to compare with. delivery-risk model card makes a version that has one." in page.text
    assert "No order was scored with this version yet." in page.text
    assert page.all("svg") == []
    assert not {"Table of live scores", "Table of the calibration", "Table of versions", "Table of the journal"} & set(
        page.tables
    )


def test_a_baseline_without_outcomes_has_no_calibration(client_of):
    page = opened(client_of(baselined(baseline=reference_of(["backlog"], late=False))))
    assert "delivery-risk model card --label adds the calibration." in page.text
    assert page.all("circle") == []


def test_hostile_texts_of_a_model_appear_as_text(client_of):
    hostile = Input("carrier", "", HOSTILE, kind="category", values=("AA", "B:6", "ü", HOSTILE), unknown="none")
    inputs = (replace(INPUTS[0], unit=HOSTILE, description=HOSTILE), INPUTS[1], hostile, *INPUTS[3:])
    model = raw_model(inputs, FEATURES, context=(Context("shop", (HOSTILE,)),), provenance={HOSTILE: HOSTILE})
    counted = baseline_of(model).inputs
    counted["carrier"] = replace(counted["carrier"], missing=0, unknown=0, counts={"AA": 1, "B:6": 1, "ü": 1, HOSTILE: 7})
    described = replace(model.manifest, description=HOSTILE, baseline=replace(baseline_of(model), inputs=counted))
    page = opened(client_of(replace(model, manifest=described)))
    texts = [text.strip() for text in page.texts]
    assert texts.count(HOSTILE) >= 9
    assert "49" not in texts


def test_a_page_waits_for_a_permit_and_says_so_where_none_is_free(monkeypatch):
    service = service_of(ui="on")
    client = service.app.test_client()
    monkeypatch.setattr("service.web.concurrency_limit.WAIT_SECONDS", 0.01)
    held = [service.concurrency_limit._free.get_nowait() for _ in range(service.settings.max_concurrent)]
    for path in ("/ui/model", "/ui/compare?from=7&to=8", "/ui/report"):
        assert "The server is at its concurrency limit." in opened(client, path, 503).text
    for permit in held:
        permit.release()
    opened(client)


def test_the_pages_of_the_model_need_the_scope_read(client_of):
    service = service_of(ui="on")
    for name in ("model", "compare", "report"):
        assert service.table.at(f"/ui/{name}")["GET"].scope == "read"
