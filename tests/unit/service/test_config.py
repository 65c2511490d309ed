import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import config
from service.config import SettingsError


def faults_of(environ):
    """The faults of these variables; those of the service are given without their prefix."""
    try:
        config.load({name if name == "WEB_CONCURRENCY" else f"DELIVERY_RISK_{name}": text for name, text in environ.items()})
    except SettingsError as error:
        return {name.removeprefix("DELIVERY_RISK_"): reason for name, reason in error.faults.items()}
    return {}


def test_a_setting_has_its_default_or_the_typed_value_of_its_variable():
    loaded = config.load({"PATH": "/bin"})
    assert (loaded.bind, loaded.workers, loaded.threads) == ("127.0.0.1:8000", 2, 8)
    assert (loaded.max_orders, loaded.max_body_bytes) == (10_000, None)
    assert (loaded.out_of_range, loaded.model.endswith("delivery-risk-1.0.0.npz")) == ("review", True)
    loaded = config.load({"DELIVERY_RISK_MAX_ORDERS": "7", "DELIVERY_RISK_OUT_OF_RANGE": "flag"})
    assert (loaded.max_orders, loaded.out_of_range) == (7, "flag")


def test_all_faults_are_reported_at_once_without_the_values():
    given = {"THREADS": "many-SECRET", "OUT_OF_RANGE": "SECRET", "MODL": "SECRET", "BIND": "SECRET", "WEB_CONCURRENCY": "0"}
    faults = faults_of(given)
    assert faults.keys() == given.keys()
    assert "SECRET" not in str(SettingsError(faults))


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1_0", " 4", "４", "", "99999999999999999999"])
def test_a_number_of_threads_is_digits_within_its_limits(text):
    assert faults_of({"THREADS": text})["THREADS"].startswith("expected a whole number")


BIND = "expected HOST:PORT, with an IPv6 address in brackets ([::1]:8000), or unix:PATH"
BINDS = [
    "8000",
    "host",
    "host:",
    "host:port",
    "host:123456",
    "host:65536",
    "host:８０",
    "unix:",
    "::1:8000",
    "[::1:8000",
    "::]:8000",
]
WRONG = [
    *((name, "4", "not a setting of this service") for name in ("threads", "", "THREADS_")),
    *(("BIND", text, BIND) for text in BINDS),
    ("MODEL_SHA256", "", "expected 64 hexadecimal digits"),
    *(("SOCKET_MODE", text, "expected three octal digits") for text in ("", "66", "668", "0o660", "1777", "-66", "rw-")),
]


@pytest.mark.parametrize(("name", "text", "reason"), WRONG)
def test_a_misspelt_name_and_an_invalid_text_are_rejected(name, text, reason):
    assert faults_of({name: text}) == {name: reason}


def test_a_digest_may_have_capitals_as_windows_prints_it():
    assert config.load({"DELIVERY_RISK_MODEL_SHA256": "AB" * 32}).model_sha256 == "ab" * 32


@pytest.mark.parametrize("text", ["host:65535", "[::1]:65535", "[fe80::1%eth0]:80", "0.0.0.0:80,[::1]:80", "unix:a:b,c"])
def test_an_address_has_a_port_and_ipv6_in_brackets_or_is_a_path(text):
    assert config.load({"DELIVERY_RISK_BIND": text}).bind == text


names = st.sampled_from([config.variable(name) for name in config.SETTINGS]) | st.text(min_size=1).map(config.PREFIX.__add__)
values = st.text() | st.integers().map(str) | st.sampled_from([str(each.load_default) for each in config.SETTINGS.values()])


@pytest.mark.parametrize("examples", [250, pytest.param(3_000, marks=pytest.mark.long)])
def test_any_variables_give_settings_or_faults_by_their_names(examples):
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


def test_web_concurrency_applies_unless_the_services_own_variable_is_set():
    assert config.load({"WEB_CONCURRENCY": "5"}).workers == 5
    assert config.load({"WEB_CONCURRENCY": "5", "DELIVERY_RISK_WORKERS": "3"}).workers == 3


@pytest.mark.parametrize(
    ("others", "more"), [({}, set()), ({"WORKERS": "2"}, set()), ({"WORKERS": "x", "X": ""}, {"WORKERS", "X"})]
)
def test_an_invalid_web_concurrency_is_named_even_if_it_does_not_apply(others, more):
    faults = faults_of({"WEB_CONCURRENCY": "x", **others})
    assert (faults.keys(), faults["WEB_CONCURRENCY"]) == ({"WEB_CONCURRENCY", *more}, "expected a whole number")


LESS, MORE = "expected less than DELIVERY_RISK_THREADS", "expected more than DELIVERY_RISK_MAX_CONCURRENT"


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"THREADS": "4", "MAX_CONCURRENT": "4"}, {"THREADS": MORE, "MAX_CONCURRENT": LESS}),
        ({"THREADS": "4"}, {"THREADS": f"{MORE} (4 by default)"}),
        ({"MAX_CONCURRENT": "9"}, {"MAX_CONCURRENT": f"{LESS} (8 by default)"}),
        ({"MAX_CONCURRENT": "9", "BIND": "x"}, {"MAX_CONCURRENT": f"{LESS} (8 by default)", "BIND": BIND}),
        ({"THREADS": "4", "MAX_CONCURRENT": "x"}, {"MAX_CONCURRENT": "expected a whole number"}),
        ({"THREADS": "5"}, {}),
        ({"THREADS": "2", "MAX_CONCURRENT": "1"}, {}),
    ],
)
def test_a_worker_keeps_a_thread_for_probes_or_both_variables_are_named(given, faults):
    assert faults_of(given) == faults


def test_a_prefix_that_gunicorn_would_take_from_the_paths_is_rejected():
    with pytest.raises(SettingsError) as raised:
        config.load({"SCRIPT_NAME": "/SECRET"})
    assert raised.value.faults == {"SCRIPT_NAME": "must not be set: the service is not mounted below a prefix"}
    config.load({"SCRIPT_NAME": ""})


@pytest.mark.parametrize("given", ["INFO", "Info", "info"])
def test_a_choice_may_have_capitals(given):
    assert config.load({"DELIVERY_RISK_LOG_LEVEL": given}).log_level == "info"


@pytest.mark.parametrize("text", ["0.01", ".01", "0.2", "0.000001"])
def test_a_holdout_is_a_decimal_fraction_with_its_key_file(text):
    loaded = config.load({"DELIVERY_RISK_HOLDOUT": text, "DELIVERY_RISK_HOLDOUT_KEY_FILE": "key"})
    assert (loaded.holdout, loaded.holdout_key_file) == (float(text), "key")
    assert config.load({}).holdout is None


@pytest.mark.parametrize(
    "text", ["0", "0.0", "0.21", "1", "1%", "nan", "inf", "-0.1", " 0.1", "0,1", "1e-2", "0.١", "", "0.1\n"]
)
def test_any_other_holdout_is_rejected(text):
    assert faults_of({"HOLDOUT": text, "HOLDOUT_KEY_FILE": "key"}) == {"HOLDOUT": "expected a number over 0, up to 0.2"}


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"HOLDOUT": "0.1"}, {"HOLDOUT": "expected DELIVERY_RISK_HOLDOUT_KEY_FILE beside it"}),
        ({"HOLDOUT_KEY_FILE": "key"}, {"HOLDOUT_KEY_FILE": "expected DELIVERY_RISK_HOLDOUT beside it"}),
        (
            {"HOLDOUT_KEY_FILE": "key", "THREADS": "x", "MAX_CONCURRENT": "9"},
            {"HOLDOUT_KEY_FILE": "expected DELIVERY_RISK_HOLDOUT beside it", "THREADS": "expected a whole number"},
        ),
        (
            {"HOLDOUT": "0.1", "THREADS": "4"},
            {"HOLDOUT": "expected DELIVERY_RISK_HOLDOUT_KEY_FILE beside it", "THREADS": f"{MORE} (4 by default)"},
        ),
    ],
)
def test_a_holdout_and_its_key_file_are_set_together(given, faults):
    assert faults_of(given) == faults


@pytest.mark.parametrize(
    "name", ["Authorization", "COOKIE", "host", "Origin", "User-Agent", "X_Forwarded_User", "X-\u017fer", ""]
)
def test_a_header_that_browsers_send_themselves_does_not_name_the_user(name):
    given = {"UI_USER_HEADER": name, "UI_USER_HEADER_FROM": "10.1.2.3"}
    assert faults_of(given) == {"UI_USER_HEADER": "expected the name of a header that browsers do not send"}


@pytest.mark.parametrize("name", ["X-Forwarded-User", "remote-user", "Cookies", "X-Authorization"])
def test_any_other_header_may_name_the_user(name):
    given = {config.variable("ui_user_header"): name, config.variable("ui_user_header_from"): "10.1.2.3"}
    assert config.load(given).ui_user_header == name
