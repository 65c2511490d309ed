"""delivery-risk serve: gunicorn, and a greeting that says how to try it."""

import json
import os

import click

from model.core.risk_model import RiskModel
from schemas.formats import json_records
from service import config
from service.cli.model_errors import of

_FLAGS = {"bind": "HOST:PORT", "workers": "N", "threads": "N", "model": "FILE"}


@click.command()
def serve(**flags: str | None) -> None:
    """Run the service with gunicorn. Each option may come from the environment instead."""
    given = {config.variable(name): value for name, value in flags.items() if value is not None}
    try:
        settings = config.load({**os.environ, **given})
    except config.SettingsError as error:
        raise click.ClickException(str(error)) from None

    # gunicorn reads WEB_CONCURRENCY as it is imported: only after it was checked
    from service.app import build
    from service.server.application import GunicornApplication

    with of(settings.model):
        service = build(settings, os.environ)
    model = service.serving.active.champion.model
    GunicornApplication(service, lambda addresses: _greet(addresses, model, settings)).run()


for _name, _metavar in _FLAGS.items():
    _help = f"{config.SETTINGS[_name].metadata['description']} [{config.variable(_name)}]"
    serve = click.option(f"--{_name}", metavar=_metavar, help=_help)(serve)


def _greet(addresses: list[str], model: RiskModel, settings: config.Settings) -> None:
    manifest = model.manifest
    body = json.dumps(json_records.example(model))
    click.echo(f"Listening at {', '.join(addresses)}", err=True)
    click.echo(f"Serving {manifest.name} {manifest.version} (sha256 {model.sha256})", err=True)
    if addresses[0].startswith("http"):
        token = ' -H "Authorization: Bearer $TOKEN"' if settings.tokens_file else ""
        click.echo(f"Try: curl -s {addresses[0]}/score{token} -H 'Content-Type: application/json' -d '{body}'", err=True)
