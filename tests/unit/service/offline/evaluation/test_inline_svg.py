import xml.etree.ElementTree as ElementTree

import pytest

from service.offline.evaluation import plots
from service.offline.evaluation.inline_svg import inline
from tests.evaluations import evaluation

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 20">
<metadata><a/></metadata><defs><style>*{stroke-linecap: butt}</style><path id="m1" d="M 0 0" style="stroke: #444444"/></defs>
<g id="axes"><use xlink:href="#m1" style="fill: #abc; clip-path: url(#p1)"/><clipPath id="p1"/></g></svg>"""


def test_a_style_becomes_attributes_and_ids_get_the_name():
    root = ElementTree.fromstring(inline(SVG, "first", 'a "label" <b>'))
    assert root.attrib["aria-label"] == 'a "label" <b>'
    assert [(each.tag, each.attrib) for each in root.iter()][1:] == [
        ("defs", {}),
        ("path", {"id": "first-m1", "d": "M 0 0", "stroke": "#444444"}),
        ("g", {}),
        ("use", {"href": "#first-m1", "fill": "#abc", "clip-path": "url(#first-p1)"}),
        ("clipPath", {"id": "first-p1"}),
    ]


@pytest.mark.parametrize("plot", plots.draw(evaluation()), ids=lambda plot: plot.name)
def test_each_property_that_a_plot_sets_stays_set(plot):
    left_out = ("metadata", "style", "RDF", "Work", "type", "format")
    before = [each for each in ElementTree.fromstring(plot.svg).iter() if each.tag.rpartition("}")[2] not in left_out]
    after = list(ElementTree.fromstring(inline(plot.svg, "x", "")).iter())
    properties = 0
    for old, new in zip(before, after, strict=True):
        assert old.tag == f"{{http://www.w3.org/2000/svg}}{new.tag}"
        for pair in filter(None, old.get("style", "").split(";")):
            key, value = pair.split(":")
            assert new.attrib[key.strip()] == value.strip().replace("url(#", "url(#x-")
            properties += 1
    assert properties > 100
