import pytest
from gunicorn.config import KNOWN_SETTINGS, Config
from gunicorn.errors import ConfigError

from service import config
from service.server.configuration import configuration, conflicts, overrides
from service.server.gunicorn_settings import CARRIED_OUT, INSTEAD


def test_each_setting_that_gunicorn_knows_is_carried_out_or_rejected():
    known = {setting.name for setting in KNOWN_SETTINGS}
    assert (CARRIED_OUT | INSTEAD.keys(), CARRIED_OUT & INSTEAD.keys()) == (known, set())
    assert configuration(config.load({})).keys() <= known


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        *(("-c nowhere.py", "--config"), ("--config=python:nowhere --workers 1", "--config"), ("other:app", "an application")),
        *(("--check-config", "--check-config"), ("--print-config --check-config", "--check-config, --print-config")),
        ("--chdir / --pythonpath /", "--chdir, --pythonpath"),
    ],
)
def test_serve_rejects_what_only_gunicorn_itself_can_do(arguments, options, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    with pytest.raises(ConfigError, match=f"^GUNICORN_CMD_ARGS: {options} cannot be used here; "):
        overrides(Config())


def conflicts_with(given):
    """What contradicts the default settings in these settings of gunicorn."""
    settings, cfg = config.load({}), Config()
    own = configuration(settings)
    for name, value in (own | given).items():
        cfg.set(name, value)
    return list(conflicts(cfg, settings, own))


REJECTED = [
    *("--worker-class gthread", "--threads 4", "--log-level debug", "--logger-class gunicorn.glogging.Logger"),
    *("--access-logfile -", "--access-logformat %(h)s", "--log-file /dev/null", "--capture-output", "--log-config log.ini"),
    *("--log-config-json log.json", "--log-syslog", "--log-syslog-to udp://localhost:1", "--statsd-host localhost:1"),
    *("--statsd-prefix a", "--dogstatsd-tags a", "--daemon", "--spew", "--paster a.ini", "--env A=b", "--reload"),
    *("--http-parser auto", "--http-parser fast", "--header-map dangerous", "--strip-header-spaces", "--protocol uwsgi"),
    *("--http-protocols h1,h2", "--forwarder-headers SCRIPT_NAME", "--root-path /a", "--control-socket /a"),
]


@pytest.mark.parametrize("arguments", REJECTED)
def test_an_option_that_the_service_does_not_carry_out_is_named_with_what_to_use_instead(arguments, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    (reason,) = conflicts_with(overrides(Config()))
    assert reason.startswith(f"gunicorn's {arguments.split()[0]} ")
    assert ": " in reason


def test_a_setting_that_only_a_configuration_file_can_have_is_named_by_its_own_name():
    (reason,) = conflicts_with({"logconfig_dict": {"version": 1}})
    assert reason.startswith("gunicorn's logconfig_dict cannot be changed: ")


def test_all_contradictions_are_named_at_once():
    assert len(conflicts_with({"accesslog": "-", "threads": 1, "statsd_host": "localhost:1"})) == 3


@pytest.mark.parametrize(
    "given", [{"backlog": 9, "max_requests": 5, "bind": "[::1]:1"}, {"preload_app": True, "accesslog": None}]
)
def test_a_setting_that_is_carried_out_or_has_the_services_value_is_no_contradiction(given):
    assert conflicts_with(given) == []
