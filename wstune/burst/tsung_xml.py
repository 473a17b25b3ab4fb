"""Tsung's XML as a tree of elements with their lines: no DTD, no entity, nothing from outside. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from wstune.errors import ScenarioError

MOST_BYTES = 4 << 20
MOST_ELEMENTS = 100_000
MOST_DEEP = 64


@dataclass(slots=True)
class Element:
    """An element. `text`: what stands before its first child, which is all that Tsung reads of it."""

    name: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def get(self, name: str, default: str = "") -> str:
        """An attribute, without blanks around it."""
        return self.attributes.get(name, default).strip()

    def of(self, *names: str) -> list[Element]:
        """The children of these names."""
        return [child for child in self.children if child.name in names]


def read(data: bytes, where: str) -> Element:
    """The root element. Raises ScenarioError with the line, for anything that is not plain XML."""
    if len(data) > MOST_BYTES:
        raise ScenarioError(where, f"more than {MOST_BYTES >> 20} MB, which no Tsung file has")
    reader = _Reader(where)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        words = expat.ErrorString(error.code)
        raise ScenarioError(f"{where}:{error.lineno}", f"is not XML: {words}") from None
    except (ValueError, LookupError) as error:  # encodings that Python has not, or not byte by byte
        raise ScenarioError(f"{where}:1", f"is not in an encoding that can be read: {error}") from None
    root = reader.root
    if root is None:
        raise ScenarioError(f"{where}:1", "is empty")
    return root


class _Reader:
    def __init__(self, where: str) -> None:
        self.root: Element | None = None
        self._where = where
        self._stack: list[Element] = []
        self._count = 0
        parser = self.parser = expat.ParserCreate()
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        # A DOCTYPE is let pass, and never read: its path is often wrong, and where it is not, it only has defaults.
        parser.EntityDeclHandler = self._no_entities
        parser.UnparsedEntityDeclHandler = self._no_entities
        parser.ExternalEntityRefHandler = self._no_entities
        parser.SkippedEntityHandler = self._no_entities

    def _no_entities(self, *_: object) -> NoReturn:
        line = self.parser.CurrentLineNumber
        raise ScenarioError(f"{self._where}:{line}", "has an entity, and none is read", "write what it stands for")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._stack) >= MOST_DEEP:
            raise ScenarioError(f"{self._where}:{line}", "has more elements, or deeper ones, than any Tsung file")
        element = Element(name, line, attributes)
        if self._stack:
            self._stack[-1].children.append(element)
        else:
            self.root = element
        self._stack.append(element)

    def _end(self, _: str) -> None:
        self._stack.pop()

    def _text(self, text: str) -> None:
        if not self._stack[-1].children:
            self._stack[-1].text += text
