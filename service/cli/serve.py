"""delivery-risk serve: run the service with gunicorn and print a command that calls it."""

import json
import os
import shlex
from logging import getLogger

import click

from model.core.risk_model import RiskModel
from schemas.formats import json_records
from service import config
from service.cli.loading import errors_of, identity, load_settings
from service.telemetry.logging import GREETING, open_closed_streams

_OPTIONS = {"bind": "HOST:PORT", "workers": "N", "threads": "N", "model": "FILE"}


@click.command()
def serve(**options: str | None) -> None:
    """Run the service with gunicorn. Each option overrides its environment variable."""
    open_closed_streams()
    settings = load_settings(click.ClickException, **options)
    # gunicorn reads WEB_CONCURRENCY when it is imported: only after it is checked
    from service.app import build
    from service.server.application import GunicornApplication

    try:
        with errors_of(settings.model):
            service = build(settings, os.environ)
    except config.SettingsError as error:
        raise click.ClickException(str(error)) from None
    model = service.serving.active.champion.model
    GunicornApplication(service, lambda addresses: _greet(addresses, model, settings)).run()


for _name, _metavar in _OPTIONS.items():
    _help = f"{config.SETTINGS[_name].metadata['description']} [{config.variable(_name)}]"
    serve = click.option(f"--{_name}", metavar=_metavar, help=_help)(serve)


def _suggest_bind(context: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(f"No such option '{option.opts[0]}'. Use --bind HOST:PORT.", context)


for _name in ("host", "port"):  # as other servers have it
    serve = click.option(f"--{_name}", hidden=True, expose_value=False, callback=_suggest_bind)(serve)


def _greet(addresses: list[str], model: RiskModel, settings: config.Settings) -> None:
    greeting = getLogger(GREETING)
    greeting.info(f"Listening at {', '.join(addresses)}")
    greeting.info(f"Serving {identity(model)}")
    if addresses[0].startswith("http"):
        token = ' -H "Authorization: Bearer $TOKEN"' if settings.tokens_file else ""
        body = shlex.quote(json.dumps(json_records.example(model)))
        greeting.info(f"Try: curl -s {addresses[0]}/score{token} -H 'Content-Type: application/json' -d {body}")
