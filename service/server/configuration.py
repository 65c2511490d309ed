"""Configuration: gunicorn's settings from the service, and from gunicorn's own sources where these keep its promises."""

from collections.abc import Iterator, Mapping
from typing import Any

from gunicorn.config import Config
from gunicorn.errors import ConfigError

from service.config import Settings, heartbeats, variable
from service.server.gunicorn_settings import CARRIED_OUT, INSTEAD
from service.server.log_redaction import Logger
from service.server.worker import Worker

_FOR_GUNICORN_ITSELF = ("config", "chdir", "pythonpath", "check_config", "print_config")


def configuration(settings: Settings) -> dict[str, Any]:
    """The settings of this service without its hooks and log, by gunicorn's own names."""
    return {
        "bind": settings.bind,
        "umask": 0o777 & ~int(settings.socket_mode, 8),
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": Worker,
        "preload_app": True,
        "keepalive": settings.keepalive_seconds,
        "graceful_timeout": settings.graceful_timeout_seconds,
        "control_socket_disable": True,
        "http_parser": "python",  # by default gunicorn takes another one if it is installed, which accepts other requests
        "worker_tmp_dir": heartbeats(),
        "forwarder_headers": "",  # a SCRIPT_NAME header that is not a prefix of the path would be answered 500
        "loglevel": settings.log_level,
        "logger_class": Logger,
    }


def overrides(cfg: Config) -> dict[str, Any]:
    """The settings in GUNICORN_CMD_ARGS, by gunicorn's own names. Raises ConfigError; gunicorn's parser may exit."""
    given = vars(cfg.parser().parse_args(cfg.get_cmd_args_from_env()))
    rejected = [cfg.settings[name].cli[-1] for name in _FOR_GUNICORN_ITSELF if given[name] is not None]
    rejected += ["an application"] if given.pop("args") else []
    if rejected:
        instead = "run gunicorn itself: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"
        raise ConfigError(f"GUNICORN_CMD_ARGS: {', '.join(rejected)} cannot be used here; {instead}")
    return {name: value for name, value in given.items() if value is not None}


def conflicts(cfg: Config, settings: Settings, given: Mapping[str, Any]) -> Iterator[str]:
    """What in gunicorn's settings contradicts the service's, `given` by gunicorn's own names."""
    own = Config()
    for name, value in given.items():
        own.set(name, value)
    for name, setting in cfg.settings.items():
        if name not in CARRIED_OUT and getattr(cfg, name) != getattr(own, name):
            option = setting.cli[-1] if setting.cli else name
            yield f"gunicorn's {option} cannot be changed: {INSTEAD.get(name, 'this version of the service does not know it')}"
    if cfg.threads <= settings.max_concurrent:
        yield f"gunicorn's --threads must be over {variable('max_concurrent')}: otherwise no thread is left for probes"
