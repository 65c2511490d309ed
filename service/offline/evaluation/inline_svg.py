"""SVG of matplotlib as elements of an HTML page whose policy allows no style attributes and no foreign names."""

import xml.etree.ElementTree as ElementTree

_LEFT_OUT = ("metadata", "style")
# What matplotlib's <style> sets for all elements; children inherit it from their root.
_ROOT = {"role": "img", "stroke-linejoin": "round", "stroke-linecap": "butt"}


def inline(svg: bytes, name: str, label: str) -> str:
    """An <svg> element with this label for screen readers. Its ids start with `name`, so that figures of a page can differ.

    A style attribute becomes attributes of its properties, which are all presentation attributes of SVG.
    """
    before = ElementTree.fromstring(svg)  # noqa: S314 - it was drawn here
    size = dict(zip(("width", "height"), before.attrib["viewBox"].split()[2:], strict=True))
    root = ElementTree.Element("svg", {"viewBox": before.attrib["viewBox"], **size, **_ROOT, "aria-label": label})
    root.extend(_element(child, name) for child in before if _local(child.tag) not in _LEFT_OUT)
    used = {value.rpartition("#")[2].rstrip(")") for each in root.iter() for value in each.attrib.values() if "#" in value}
    for each in root.iter():
        if each.get("id", "") not in used:
            each.attrib.pop("id", None)
    return ElementTree.tostring(root, "unicode")


def _element(before: ElementTree.Element, name: str) -> ElementTree.Element:
    attributes = {_local(key): value for key, value in before.attrib.items()}
    style = attributes.pop("style", "")
    pairs = (each.partition(":") for each in style.split(";") if each.strip())
    attributes |= {key.strip(): value.strip() for key, _, value in pairs}
    element = ElementTree.Element(_local(before.tag), {key: _named(key, value, name) for key, value in attributes.items()})
    element.extend(_element(child, name) for child in before if _local(child.tag) not in _LEFT_OUT)
    return element


def _named(key: str, value: str, name: str) -> str:
    """The value of an attribute, with `name` put before the id that it is or refers to."""
    if key == "id":
        return f"{name}-{value}"
    if key == "href" or value.startswith("url(#"):
        return value.replace("#", f"#{name}-", 1)
    return value


def _local(qualified: str) -> str:
    return qualified.rpartition("}")[2]
