"""Plots: the figures of an evaluation as SVG and PNG, the same bytes for the same evaluation. They need the extra `plots`."""

import importlib.util
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from model import files
from service.offline.evaluation.evaluation import Evaluation
from service.offline.evaluation.figure_style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PNG_DPI = 200


class PlotsNotInstalled(Exception):
    """matplotlib is not installed; the message names the extra."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure by its name, such as `reliability`, as SVG and as PNG."""

    name: str
    svg: bytes
    png: bytes

    @property
    def formats(self) -> Mapping[str, bytes]:
        """The bytes by the ending of a file's name."""
        return {"svg": self.svg, "png": self.png}


def require() -> None:
    """Raise PlotsNotInstalled unless plots can be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise PlotsNotInstalled('the extra plots is not installed; pip install "delivery-risk[plots]"')


def draw(evaluation: Evaluation) -> Sequence[Plot]:
    """The plots of an evaluation. Raises PlotsNotInstalled."""
    require()
    from service.offline.evaluation.figures import FIGURES

    with _style():
        drawn = {name: figure(evaluation) for name, figure in FIGURES.items()}
        return [Plot(name, _bytes(figure, "svg"), _bytes(figure, "png")) for name, figure in drawn.items()]


def save(plots: Sequence[Plot], folder: Path) -> Sequence[Path]:
    """Write each plot as NAME.svg and NAME.png into a folder, which is made if there is none: their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {folder / f"{plot.name}.{ending}": each for plot in plots for ending, each in plot.formats.items()}
    for path, content in contents.items():
        with files.draft(folder, f".{path.name}.", content, files.permissions(path)) as draft:
            Path(draft).replace(path)
    return list(contents)


@contextmanager
def _style() -> Iterator[None]:
    """In the block matplotlib has its defaults and the style of the figures, not what a user's matplotlibrc sets."""
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context():
        rcdefaults()
        rcParams.update(cast(Any, STYLE))  # its keys have a type of their own
        yield


def _bytes(figure: "Figure", format: str) -> bytes:
    without_date_and_version = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[format]
    written = io.BytesIO()
    figure.savefig(written, format=format, dpi=_PNG_DPI, metadata=without_date_and_version)
    return written.getvalue()
