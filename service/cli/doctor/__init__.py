"""delivery-risk doctor: checks of an installation, each with what it found and, if that is not ok, what to do."""

import os
from collections import Counter

import click

from service import config
from service.cli.doctor import decision_log, log, machine, settings, software
from service.cli.doctor.finding import Check, Installation, fail

_CHECKS: tuple[Check, ...] = (
    *(settings.settings, settings.files, decision_log.decision_log),
    *(software.python, software.dependencies, software.extras, software.gunicorn, software.traces, software.arithmetic),
    *(settings.model, settings.self_test, settings.challenger),
    *(machine.bind, machine.temporary, machine.memory, machine.descriptors, machine.cores, machine.clock, log.log),
)
CHECKS = {check.__name__.replace("_", "-"): check for check in _CHECKS}


@click.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check this installation, with the settings of this environment. Nothing is changed.

    Exits 1 if a check fails; a warning is not a failure.
    """
    try:
        valid = config.load(os.environ)
    except config.SettingsError as error:
        valid = config.load({name: value for name, value in os.environ.items() if name not in error.faults})
    installation = Installation(os.environ, valid)
    counts: Counter[str] = Counter()
    for name, check in CHECKS.items():
        try:
            findings = list(check(installation))
        except Exception as error:  # the other checks still run
            findings = [fail(f"the check failed unexpectedly ({type(error).__name__}: {error})", "report it")]
        for finding in findings:
            counts[finding.verdict] += 1
            advice = f"; {finding.advice}" if finding.advice else ""
            click.echo(f"{finding.verdict:<5} {name:<12} {finding.found}{advice}")
    click.echo(f"{counts['ok']} ok, {counts['warn']} warnings, {counts['FAIL']} failed")
    context.exit(1 if counts["FAIL"] else 0)
