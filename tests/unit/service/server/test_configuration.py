import pytest
from gunicorn.config import Config
from gunicorn.errors import ConfigError

from service import config
from service.server.configuration import configuration, conflicts, overrides


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        *(("-c nowhere.py", "--config"), ("--config=python:nowhere --workers 1", "--config"), ("other:app", "an application")),
        *(("--check-config", "--check-config"), ("--print-config --spew", "--print-config, --spew")),
        *(("-D --chdir / --pythonpath /", "--chdir, --pythonpath, --daemon"), ("--paste nowhere.ini", "--paster")),
    ],
)
def test_serve_rejects_what_only_gunicorn_itself_can_do(arguments, options, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    with pytest.raises(ConfigError, match=f"^GUNICORN_CMD_ARGS: {options} cannot be used here; "):
        overrides(Config())


@pytest.mark.parametrize("arguments", ["--worker-class gthread", "--threads 4", "--log-level debug"])
def test_an_option_of_gunicorn_that_contradicts_a_setting_is_reported(arguments, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", arguments)
    settings, cfg = config.load({}), Config()
    for name, value in (configuration(settings) | overrides(cfg)).items():
        cfg.set(name, value)
    (reason,) = conflicts(cfg, settings)
    assert reason.startswith(f"gunicorn's {arguments.split()[0]} ")
