"""XML of object stores, which may be anybody's."""

from xml.etree import ElementTree as ET

Element = ET.Element


def parsed(content: bytes) -> Element | None:
    """The root, with its namespaces taken off; None of what is no XML, or declares anything, as no store does and
    bombs do."""
    try:
        text = content.decode("utf-8-sig")
        if "<!" in text:
            return None
        root = ET.fromstring(text)  # noqa: S314 - without declarations there are no entities to grow
    except (ValueError, ET.ParseError, RecursionError):
        return None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text(holder: Element, path: str) -> str:
    """The text of the element there, empty where it is none."""
    return holder.findtext(path) or ""
