import pytest

from service import config
from service.config import SettingsError


def test_no_variable_at_all_gives_the_defaults():
    settings = config.load({"PATH": "/bin"})
    assert (settings.bind, settings.workers, settings.threads) == ("127.0.0.1:8000", 2, 8)
    assert (settings.max_orders, settings.max_body_bytes) == (10_000, 16 * 1024 * 1024)
    assert settings.out_of_range == "review"
    assert settings.model.endswith("delivery-risk-1.0.0.npz")


def test_variables_are_typed():
    settings = config.load({"DELIVERY_RISK_MAX_ORDERS": "7", "DELIVERY_RISK_OUT_OF_RANGE": "flag"})
    assert (settings.max_orders, settings.out_of_range) == (7, "flag")


def test_every_fault_is_reported_at_once_and_no_value_is_repeated():
    given = {
        "DELIVERY_RISK_THREADS": "many-SECRET",
        "DELIVERY_RISK_OUT_OF_RANGE": "SECRET",
        "DELIVERY_RISK_MODL": "SECRET",
        "DELIVERY_RISK_BIND": "SECRET",
    }
    with pytest.raises(SettingsError) as caught:
        config.load(given)
    assert set(caught.value.faults) == set(given)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1_0", " 4", "４", "", "99999999999999999999"])
def test_a_number_of_threads_is_digits_within_its_limits(text):
    with pytest.raises(SettingsError, match="DELIVERY_RISK_THREADS: expected a whole number"):
        config.load({"DELIVERY_RISK_THREADS": text})


@pytest.mark.parametrize("name", ["DELIVERY_RISK_threads", "DELIVERY_RISK_", "DELIVERY_RISK_THREADS_"])
def test_a_misspelt_name_is_refused(name):
    with pytest.raises(SettingsError, match="not a setting of this service"):
        config.load({name: "4"})


@pytest.mark.parametrize("bind", ["8000", "host", "host:", "host:port", "host:123456", "host:８０", "unix:"])
def test_a_bind_that_is_no_address_is_refused(bind):
    with pytest.raises(SettingsError, match="DELIVERY_RISK_BIND: expected HOST:PORT"):
        config.load({"DELIVERY_RISK_BIND": bind})


def test_web_concurrency_counts_unless_the_services_own_variable_is_set():
    assert config.load({"WEB_CONCURRENCY": "5"}).workers == 5
    assert config.load({"WEB_CONCURRENCY": "5", "DELIVERY_RISK_WORKERS": "3"}).workers == 3


def test_a_bad_web_concurrency_is_named_as_itself():
    with pytest.raises(SettingsError, match=r"^WEB_CONCURRENCY: expected a whole number"):
        config.load({"WEB_CONCURRENCY": "x"})


def test_an_empty_digest_is_refused():
    with pytest.raises(SettingsError, match="DELIVERY_RISK_MODEL_SHA256"):
        config.load({"DELIVERY_RISK_MODEL_SHA256": ""})
