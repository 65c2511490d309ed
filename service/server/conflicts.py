"""Conflicts: gunicorn settings, from its own sources, with which the service would break a promise."""

from collections.abc import Iterator
from typing import Any

from gunicorn.config import Config
from gunicorn.errors import ConfigError

from service.config import Settings, variable
from service.server.worker import Worker

_FOR_GUNICORN_ITSELF = ("config", "paste", "chdir", "pythonpath", "daemon", "check_config", "print_config", "spew")


def overrides(cfg: Config) -> dict[str, Any]:
    """The settings in GUNICORN_CMD_ARGS, by gunicorn's own names. Raises ConfigError; gunicorn's parser may exit."""
    given = vars(cfg.parser().parse_args(cfg.get_cmd_args_from_env()))
    rejected = [cfg.settings[name].cli[-1] for name in _FOR_GUNICORN_ITSELF if given[name] is not None]
    rejected += ["an application"] if given.pop("args") else []
    if rejected:
        instead = "run gunicorn itself: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"
        raise ConfigError(f"GUNICORN_CMD_ARGS: {', '.join(rejected)} cannot be used here; {instead}")
    return {name: value for name, value in given.items() if value is not None}


def conflicts(cfg: Config, settings: Settings) -> Iterator[str]:
    """What in gunicorn's settings contradicts the service's."""
    if not issubclass(cfg.worker_class, Worker):
        yield "gunicorn's --worker-class cannot be changed: the service's own worker keeps tokens out of the log"
    if cfg.threads <= settings.max_concurrent:
        yield f"gunicorn's --threads must be over {variable('max_concurrent')}: otherwise no thread is left for probes"
    if cfg.loglevel != settings.log_level:
        yield f"gunicorn's --log-level has no effect here: set {variable('log_level')}"
