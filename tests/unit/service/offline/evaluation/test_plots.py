import hashlib
import importlib.util
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import matplotlib
import pytest

from service.offline.evaluation import plots
from service.offline.evaluation.evaluation import CalibrationBin, Day
from service.offline.evaluation.figures import precision_and_recall, reliability, scores, workload
from tests.evaluations import ROWS, evaluation, without_recommendation
from tests.facts import ROOT

NAMES = ["reliability", "scores", "precision-recall", "workload"]
EDGES = {
    "one day, one bin": evaluation(
        days=[Day("2026-11-30", 40, 9, 9, 4)], calibration=[CalibrationBin(40, 0.2, 0.2, 0.2, 0.25)]
    ),
    "no reviews, scores of 0": evaluation(
        days=[Day("2026-11-29", 40, 0, 0, 0), Day("2026-11-30", 40, 0, 0, 0)],
        calibration=[CalibrationBin(40, 0.0, 0.0, 0.0, 0.0)],
    ),
    "two years": without_recommendation(
        days=[Day(f"{2025 + at // 12}-{at % 12 + 1:02}-15", 40, 1, at, None) for at in range(24)]
    ),
    "days that are no dates": evaluation(days=[Day("$\\frac<script>", 20, 5, 5, 2), Day("\u202e\x00日", 20, 5, 5, 2)]),
    "nothing": without_recommendation(orders=0, late=0, calibration=[], thresholds=[], days=[], scores=[]),
}


@pytest.fixture(scope="module")
def drawn():
    return {plot.name: plot for plot in plots.draw(evaluation())}


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_the_plots_of_an_evaluation_are_four(drawn):
    assert list(drawn) == NAMES


@pytest.mark.parametrize("edge", EDGES)
def test_each_evaluation_can_be_drawn_as_xml_without_a_warning(edge):
    for plot in plots.draw(EDGES[edge]):
        assert ElementTree.fromstring(plot.svg).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("name", NAMES)
def test_a_png_has_its_signature_and_960_by_800_pixels(drawn, name):
    png = drawn[name].png
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (960, 800)


def test_another_process_draws_the_same_bytes_without_pyplot(drawn):
    program = (
        "import hashlib, sys; from service.offline.evaluation import plots; from tests.evaluations import evaluation\n"
        "print([hashlib.sha256(plot.svg + plot.png).hexdigest() for plot in plots.draw(evaluation())])\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == f"{[hashlib.sha256(plot.svg + plot.png).hexdigest() for plot in drawn.values()]}\n"


def test_a_plot_has_no_date_and_no_version_of_what_drew_it(drawn):
    for plot in drawn.values():
        assert b"<dc:date" not in plot.svg
        assert matplotlib.__version__.encode() not in plot.svg + plot.png


def test_the_settings_of_a_user_neither_change_a_plot_nor_are_changed(drawn):
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "mine"}):
        again = plots.draw(evaluation())
        assert matplotlib.rcParams["font.size"] == 30
    assert again == list(drawn.values())


def test_plots_are_saved_under_their_names(tmp_path, drawn):
    paths = plots.save(list(drawn.values()), tmp_path / "new" / "folder")
    assert sorted(path.name for path in paths) == sorted(f"{name}.{ending}" for name in NAMES for ending in ("svg", "png"))
    for path in paths:
        assert path.read_bytes() == getattr(drawn[path.stem], path.suffix[1:])
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 8


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "matplotlib" else find(name, *more))
    with pytest.raises(plots.PlotsNotInstalled, match=r"the extra plots is not installed"):
        plots.draw(evaluation())


def test_the_dots_of_reliability_are_the_bins():
    (axes,) = reliability(evaluation()).axes
    dots = lines(axes)["mean score of a bin, and its range"]
    assert list(dots.get_xdata()) == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95])
    assert list(dots.get_ydata()) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45])
    diagonal = lines(axes)["score = share of late orders"]
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata())
    assert axes.get_title("left") == "10 bins of 4 orders each"


def test_reliability_says_how_unequal_its_bins_are():
    bins = [CalibrationBin(orders, 0.1, 0.2, 0.15, 0.2) for orders in (6086, 6085)]
    (axes,) = reliability(evaluation(calibration=bins)).axes
    assert axes.get_title("left") == "2 bins of 6,085 to 6,086 orders each"


def test_the_lines_of_scores_are_at_the_thresholds():
    (axes,) = scores(evaluation()).axes
    assert {label: line.get_xdata()[0] for label, line in lines(axes).items()} == {
        "model's threshold 0.5": 0.5,
        "recommended 0.75": 0.75,
    }
    assert list(lines(scores(without_recommendation()).axes[0])) == ["model's threshold 0.5"]


def test_precision_and_recall_are_drawn_by_reviews_a_day():
    (axes,) = precision_and_recall(evaluation(thresholds=ROWS)).axes
    found = lines(axes)
    assert list(found["recall"].get_xdata()) == [0, 1, 2.5, 10]
    assert list(found["recall"].get_ydata()) == [0, 0.3, 0.6, 1]
    assert list(found["precision"].get_ydata())[1:] == [0.75, 0.6, 0.25]
    assert found["precision"].get_ydata()[0] != found["precision"].get_ydata()[0]
    assert found["model's threshold 0.5"].get_xdata()[0] == 2.5
    assert found["recommended 0.75"].get_xdata()[0] == 1


def test_the_workload_has_a_bar_a_day_and_their_mean():
    model, recommended = workload(evaluation()).axes
    assert [bar.get_height() for bar in model.patches] == [2, 3, 2, 3]
    assert [bar.get_height() for bar in recommended.patches] == [1, 1, 1, 1]
    assert [axes.get_lines()[0].get_ydata()[0] for axes in (model, recommended)] == [2.5, 1]
    assert len(workload(without_recommendation()).axes) == 1


def test_a_day_that_the_file_lacks_leaves_a_gap():
    days = [Day("2026-11-27", 9, 1, 1, 1), Day("2026-11-30", 9, 1, 1, 1)]
    first, second = workload(evaluation(days=days)).axes[0].patches
    assert second.get_x() - first.get_x() == 3
