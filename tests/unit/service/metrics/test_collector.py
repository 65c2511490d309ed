"""A scrape of some metrics alone."""

import pytest

from tests.apps import read_metrics, samples, service_of


@pytest.fixture(scope="module")
def client():
    service = service_of()
    service.show_initial_series()
    found = service.app.test_client()
    found.get("/metrics")  # which makes series of its own
    return found


def test_a_scrape_that_asks_for_names_gets_the_samples_of_those_names(client):
    everything = samples(client)
    names = sorted({sample.partition("{")[0] for sample in everything})
    for asked in (names[:1], names[::3], ["nowhere"]):
        answer = client.get("/metrics", query_string={"name[]": asked})
        found = read_metrics(answer.text)
        assert found.keys() == {sample for sample in everything if sample.partition("{")[0] in asked}
