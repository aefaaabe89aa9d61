"""A page read with the standard library: its elements, and whether they are closed in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "input", "br", "hr", "img"}
RAW = {"script", "style"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        """All text inside, white space folded."""
        parts = [c if isinstance(c, str) else c.text for c in self.children]
        return " ".join("".join(parts).split())

    def all(self, tag: str = "", css: str = "", **attributes: str) -> list[Element]:
        """Elements inside, by tag, class and attributes."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                wanted = {k.replace("_", "-"): v for k, v in attributes.items()}
                fits = all(child.attributes.get(k) == v for k, v in wanted.items())
                if fits and tag in ("", child.tag) and (not css or css in child.classes):
                    found.append(child)
                found += child.all(tag, css, **attributes)
        return found

    def one(self, tag: str = "", css: str = "", **attributes: str) -> Element:
        found = self.all(tag, css, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag}.{css} {attributes}"
        return found[0]

    def said(self, language: str) -> str:
        """The text a reader of *language* sees."""
        parts = []
        for child in self.children:
            if isinstance(child, str):
                parts.append(child)
            elif child.tag == "html" or child.attributes.get("lang", language) == language:
                parts.append("" if child.tag in RAW else child.said(language))
        return " ".join(" ".join(parts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"attribute twice in <{tag}>: {names}"
        element = Element(tag, {k: v or "" for k, v in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}> at {self.getpos()}"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)


def read_page(path: Path) -> Element:
    """The page at *path*; fails where elements are not closed in order."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.tag}> is not closed"
    return reader.root
