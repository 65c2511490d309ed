"""The options that write an evaluation as plots and as a report, for the commands that make one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from service.cli.output import write_errors
from service.cli.result_files import open_outputs
from service.offline.evaluation import plots, report
from service.offline.evaluation.evaluation import Evaluation

_REPORT_ENDING = ".html"


@dataclass(frozen=True, slots=True)
class EvaluationOutputs:
    """Where an evaluation is written besides standard output: a folder for plots and a file for a report, or None."""

    plots: str | None
    report: str | None

    def write(self, evaluation: Evaluation) -> None:
        """Write what is asked for. Raises WriteError."""
        if self.plots is None and self.report is None:
            return
        drawn = plots.draw(evaluation)
        if self.plots is not None:
            with write_errors(self.plots):
                plots.save(drawn, Path(self.plots))
        if self.report is not None:
            with open_outputs() as outputs:
                outputs.create(self.report).write(report.html(evaluation, drawn, datetime.now(UTC)))


def evaluation_outputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options --plots and --report: the command gets them as one argument `outputs`.

    Raises UsageError before the command runs where the extra `plots` is missing or the name of the report has another ending.
    """

    @click.option(
        "--plots", "folder", type=click.Path(file_okay=False), metavar="DIR", help="Write plots as SVG and PNG. [extra plots]"
    )
    @click.option(
        "--report", "page", type=click.Path(dir_okay=False), metavar="FILE", help="Write a report as HTML. [extra plots]"
    )
    @wraps(command)
    def packed(*args: Any, folder: str | None, page: str | None, **more: Any) -> Any:
        if page is not None and Path(page).suffix.lower() != _REPORT_ENDING:
            raise click.UsageError(f"--report {page}: the name of the file must end in {_REPORT_ENDING}.")
        if folder is not None or page is not None:
            try:
                plots.require()
            except plots.PlotsNotInstalled as error:
                raise click.UsageError(f"{'--plots' if page is None else '--report'}: {error}.") from None
        return command(*args, outputs=EvaluationOutputs(folder, page), **more)

    return packed
