"""Mutated files of Tsung: imported, and what was made of them read back."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from random import Random
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from tests.conftest import TESTS
from tests.fuzz import mutate
from tests.fuzz.hostile import DEPTHS, NUMBERS, SUFFIXED, WORDS
from tests.fuzz.trial import Outcome, call

HEADS = (
    "", "", "", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-16"?>',
    '<?xml version="1.0" encoding="koi8-r"?>',
    '<?xml version="1.0" encoding="idna"?>', '<?xml version="1.0" encoding="shift_jis"?>', '<?xml version="1.1"?>',
    '<!DOCTYPE tsung SYSTEM "/etc/passwd">', '<!DOCTYPE tsung [<!ENTITY x "y">]>',
    '<!DOCTYPE tsung [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>',
    '<!DOCTYPE tsung [<!ATTLIST server port CDATA "x">]>', "<!-- -->" * 3000, "<?x?>", "]]>",
)  # fmt: skip


class Kind:
    """Seeds: the files of tests/cases/tsung, which are real ones."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.seeds = [path.read_text(encoding="latin-1") for path in sorted((TESTS / "cases/tsung").rglob("*.xml"))]
        self.trees = []
        for path in sorted((TESTS / "cases/tsung").glob("*.xml")):
            self.trees.append(ElementTree.fromstring(path.read_bytes()))  # noqa: S314 - our own files

    def make(self, rng: Random) -> bytes:
        if rng.random() < 0.25:
            return mutate.encoded(rng, mutate.lines(rng, rng.choice(self.seeds)))
        root = copy.deepcopy(rng.choice(self.trees))
        for _ in range(rng.choice((1, 1, 2, 4))):
            _change(rng, root)
        return mutate.encoded(rng, rng.choice(HEADS) + _text(root))

    def tried(self, made: bytes) -> Iterator[Outcome]:
        (self.place / "tsung.xml").write_bytes(made)
        scenario = str(self.place / "scenario.toml")
        imported = call("scenario", "import", str(self.place / "tsung.xml"), "-o", scenario)
        yield imported
        yield call("scenario", "import", str(self.place / "tsung.xml"))
        if imported.code == 0:
            checked = call("scenario", "check", scenario)
            yield checked
            if checked.code:
                yield Outcome(("scenario", "import", "then check"), -1, "", f"cannot be read back: {checked.err}")


def _change(rng: Random, root: ElementTree.Element) -> None:
    elements = list(root.iter())
    parents = [element for element in elements if len(element)]
    parent = rng.choice(parents) if parents else root
    element = rng.choice(elements)
    match rng.randrange(10):
        case 0 if len(parent):
            parent.remove(rng.choice(list(parent)))
        case 1 if len(parent):
            child = rng.choice(list(parent))
            parent.extend([child] * rng.choice((1, 2, 120)))
        case 2:
            element.tag = rng.choice((rng.choice(elements).tag, "unknown", "x" * 3000, element.tag.upper()))
        case 3:
            parent.insert(0, rng.choice([one for one in elements if not len(one)]))
        case 4:
            depth = rng.choice((*DEPTHS[:6], 2000))
            for _ in range(depth):
                element = ElementTree.SubElement(element, rng.choice(("for", "transaction", "request")))
        case 5:
            element.text = rng.choice((*WORDS, "x" * 70_000, "%%_counter%%", "%%ts_user_server:get_unique_id%%" * 3000))
        case 6:
            element.attrib.clear()
        case _:
            names = list(element.attrib) or ["value"]
            known = sorted({name for one in elements for name in one.attrib})
            name = rng.choice((*names, *names, *names, rng.choice(known or names)))
            kept = element.attrib.get(name, "")
            element.attrib[name] = rng.choice(
                (
                    rng.choice(NUMBERS),
                    rng.choice(NUMBERS),
                    rng.choice(SUFFIXED),
                    rng.choice(WORDS),
                    kept * 2,
                    "x" * 9000,
                )
            )


def _text(element: ElementTree.Element) -> str:
    """As XML, well-formed or not: characters that XML has not are put into it all the same."""
    out: list[str] = []

    def start(one: ElementTree.Element) -> None:
        out.append(f"<{one.tag}" + "".join(f" {name}={quoteattr(value)}" for name, value in one.attrib.items()) + ">")
        out.append(escape(one.text or ""))

    stack: list[tuple[ElementTree.Element, int]] = [(element, 0)]
    start(element)
    while stack:
        one, at = stack.pop()
        if at < len(one):
            stack.append((one, at + 1))
            start(one[at])
            stack.append((one[at], 0))
        else:
            out.append(f"</{one.tag}>\n")
    return "".join(out)
