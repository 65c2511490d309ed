"""delivery-risk doctor: is this installation well? Each check says how things are and, where that is not well, what to do."""

import os
from collections import Counter
from collections.abc import Mapping

import click

from service import config
from service.cli.doctor import installation, machine, models
from service.cli.doctor.files import named_files
from service.cli.doctor.finding import Check, Finding, Patient, fail
from service.config import Settings

CHECKS: dict[str, Check] = {
    "settings": models.settings,
    "files": named_files,
    "python": installation.python,
    "dependencies": installation.dependencies,
    "extras": installation.extras,
    "gunicorn": installation.gunicorn,
    "traces": installation.traces,
    "arithmetic": installation.arithmetic,
    "model": models.model,
    "self-test": models.self_test,
    "challenger": models.challenger,
    "bind": machine.bind,
    "temporary": machine.temporary,
    "memory": machine.memory,
    "descriptors": machine.descriptors,
    "cores": machine.cores,
    "clock": machine.clock,
}


@click.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check this installation from the inside, with the settings of this environment; nothing of it is changed.

    Exits 1 where something failed; a warning does not fail.
    """
    patient = Patient(os.environ, _usable(os.environ))
    counts: Counter[str] = Counter()
    for name, check in CHECKS.items():
        for finding in _findings(check, patient):
            counts[finding.verdict] += 1
            advice = f"; {finding.advice}" if finding.advice else ""
            click.echo(f"{finding.verdict:<5} {name:<12} {finding.found}{advice}")
    click.echo(f"{counts['ok']} ok, {counts['warn']} warnings, {counts['FAIL']} failed")
    context.exit(1 if counts["FAIL"] else 0)


def _findings(check: Check, patient: Patient) -> list[Finding]:
    try:
        return list(check(patient))
    except Exception as error:  # the other checks have still something to say
        return [fail(f"the check broke off ({type(error).__name__}: {error})", "report it")]


def _usable(environ: Mapping[str, str]) -> Settings:
    try:
        return config.load(environ)
    except config.SettingsError as error:
        return config.load({name: value for name, value in environ.items() if name not in error.faults})
