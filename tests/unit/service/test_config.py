import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import config
from service.config import SettingsError


def test_no_variable_at_all_gives_the_defaults():
    loaded = config.load({"PATH": "/bin"})
    assert (loaded.bind, loaded.workers, loaded.threads) == ("127.0.0.1:8000", 2, 8)
    assert (loaded.max_orders, loaded.max_body_bytes) == (10_000, 16 * 1024 * 1024)
    assert loaded.out_of_range == "review"
    assert loaded.model.endswith("delivery-risk-1.0.0.npz")


def test_variables_are_typed():
    loaded = config.load({"DELIVERY_RISK_MAX_ORDERS": "7", "DELIVERY_RISK_OUT_OF_RANGE": "flag"})
    assert (loaded.max_orders, loaded.out_of_range) == (7, "flag")


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


@pytest.mark.parametrize("bind", ["8000", "host", "host:", "host:port", "host:123456", "host:65536", "host:８０", "unix:"])
def test_a_bind_that_is_no_address_is_refused(bind):
    with pytest.raises(SettingsError, match="DELIVERY_RISK_BIND: expected HOST:PORT"):
        config.load({"DELIVERY_RISK_BIND": bind})


def test_the_highest_port_is_one():
    assert config.load({"DELIVERY_RISK_BIND": "[::1]:65535"}).bind == "[::1]:65535"


names = st.sampled_from([config.variable(name) for name in config.SETTINGS]) | st.text(min_size=1).map(config.PREFIX.__add__)
values = st.text() | st.integers().map(str) | st.sampled_from([str(each.load_default) for each in config.SETTINGS.values()])


@pytest.mark.parametrize("examples", [250, pytest.param(3_000, marks=pytest.mark.long)])
def test_whatever_the_variables_there_are_settings_or_faults_by_their_names(examples):
    @settings(max_examples=examples)
    @given(environ=st.dictionaries(names | st.sampled_from(["WEB_CONCURRENCY", "PATH"]) | st.text(), values, max_size=6))
    def law(environ):
        try:
            loaded = config.load(environ)
        except SettingsError as error:
            faults = error.faults
        else:
            faults = {}
            assert 1 <= loaded.workers <= 64
            assert loaded.bind.startswith("unix:") or int(loaded.bind.rpartition(":")[2]) <= 65535
        assert faults.keys() <= environ.keys()
        assert not any(len(environ[name]) > 20 and environ[name] in " ".join(faults.values()) for name in faults)

    law()


def test_web_concurrency_counts_unless_the_services_own_variable_is_set():
    assert config.load({"WEB_CONCURRENCY": "5"}).workers == 5
    assert config.load({"WEB_CONCURRENCY": "5", "DELIVERY_RISK_WORKERS": "3"}).workers == 3


@pytest.mark.parametrize("others", [{}, {"DELIVERY_RISK_WORKERS": "2"}])
def test_a_bad_web_concurrency_is_named_as_itself_even_where_it_does_not_count(others):
    with pytest.raises(SettingsError) as caught:
        config.load({"WEB_CONCURRENCY": "x", **others})
    assert caught.value.faults == {"WEB_CONCURRENCY": "expected a whole number"}


def test_a_bad_web_concurrency_is_told_beside_all_else():
    with pytest.raises(SettingsError) as caught:
        config.load({"WEB_CONCURRENCY": "0", "DELIVERY_RISK_WORKERS": "x", "DELIVERY_RISK_THREADS": "y", "DELIVERY_RISK_X": ""})
    assert set(caught.value.faults) == {"WEB_CONCURRENCY", *(f"DELIVERY_RISK_{name}" for name in ("WORKERS", "THREADS", "X"))}


def test_an_empty_digest_is_refused():
    with pytest.raises(SettingsError, match="DELIVERY_RISK_MODEL_SHA256"):
        config.load({"DELIVERY_RISK_MODEL_SHA256": ""})


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        (
            {"THREADS": "4", "MAX_CONCURRENT": "4"},
            {
                "THREADS": "expected more than DELIVERY_RISK_MAX_CONCURRENT",
                "MAX_CONCURRENT": "expected less than DELIVERY_RISK_THREADS",
            },
        ),
        ({"THREADS": "4"}, {"THREADS": "expected more than DELIVERY_RISK_MAX_CONCURRENT (4 by default)"}),
        ({"MAX_CONCURRENT": "9"}, {"MAX_CONCURRENT": "expected less than DELIVERY_RISK_THREADS (8 by default)"}),
        (
            {"MAX_CONCURRENT": "9", "BIND": "x", "MODL": "x"},
            {
                "MAX_CONCURRENT": "expected less than DELIVERY_RISK_THREADS (8 by default)",
                "BIND": "expected HOST:PORT",
                "MODL": "not a setting of this service",
            },
        ),
        ({"THREADS": "4", "MAX_CONCURRENT": "x"}, {"MAX_CONCURRENT": "expected a whole number"}),
        ({"THREADS": "5"}, {}),
        ({"THREADS": "2", "MAX_CONCURRENT": "1"}, {}),
    ],
)
def test_a_worker_keeps_a_thread_for_probes_or_both_variables_are_named(given, faults):
    given = {f"DELIVERY_RISK_{name}": value for name, value in given.items()}
    try:
        config.load(given)
    except SettingsError as error:
        found = error.faults
    else:
        found = {}
    assert found == {f"DELIVERY_RISK_{name}": reason for name, reason in faults.items()}
