"""Mutators: each takes a `random.Random` and something sound, and returns it changed. Pure, and nothing but its seed
decides what a mutator does: the same number of a case is the same input everywhere."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.fuzz.hostile import BYTES, CHARACTERS, DEPTHS, NUMBERS, SUFFIXED, WORDS

Mutator = Callable[[Random, Any], Any]


class Raw(str):
    """A piece of text that is put into the document as it stands, whatever the format."""

    __slots__ = ()


class Again(str):
    """A key that a table has already: equal in writing, and another key to Python."""

    __slots__ = ()

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


# -- structures: what JSON and TOML hold ------------------------------------------------------------------------------


def structure(rng: Random, document: Any) -> Any:
    """A copy of tables, lists and values with one to four places changed in type, size, depth, or name."""
    whole = [copy.deepcopy(document)]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        spots = list(_spots(whole))
        container, key = rng.choice(spots)
        _change(rng, whole, container, key)
    return whole[0]


def leaf(rng: Random) -> Any:
    """A value that is not the one that was expected."""
    return rng.choice((
        lambda: Raw(rng.choice(NUMBERS)),
        lambda: rng.choice(NUMBERS),
        lambda: rng.choice(SUFFIXED),
        lambda: rng.choice(WORDS),
        lambda: rng.choice((None, True, False, [], {}, [[]], [{}], {"": ""}, [None], {"a": {}}, -1, 0, 2**63, 1.5)),
        lambda: deep(rng),
        lambda: [rng.choice(WORDS)] * rng.choice((1, 2, 300, 5000)),
        lambda: {f"k{number}": number for number in range(rng.choice((1, 50, 3000)))},
        lambda: "x" * rng.choice((1000, 70_000, 300_000)),
    ))()  # fmt: skip


def deep(rng: Random) -> Raw:
    """Lists in lists, or tables in tables."""
    depth = rng.choice(DEPTHS)
    left, right = rng.choice((("[", "]"), ('{"a":', "}"), ("{a=", "}")))
    return Raw(left * depth + "1" + right * rng.choice((depth, depth, 0)))


def _spots(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield node, key
            yield from _spots(value)
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield node, at
            yield from _spots(value)


def _change(rng: Random, whole: list[Any], container: Any, key: Any) -> None:
    value = container[key]
    match rng.randrange(12):
        case 0 | 1 | 2 | 3:
            container[key] = leaf(rng)
        case 4:
            container[key] = rng.choice(([value], {"a": value}, [value, value], str(value)[:5000], [[value]]))
        case 5 if container is not whole:
            del container[key]
        case 6 if isinstance(container, dict):
            container[Again(key)] = rng.choice((value, leaf(rng)))
        case 6 if container is not whole:
            container[key:key] = [value] * rng.choice((1, 3, 200))
        case 7 if isinstance(container, dict):
            container[_other_name(rng, key)] = container.pop(key)
        case 8 if isinstance(container, dict):
            container[rng.choice((*WORDS[:40], "unknown", f"{key}x", "_"))] = leaf(rng)
        case 9:
            other, name = rng.choice(list(_spots(whole)))
            container[key] = copy.deepcopy(other[name])
        case 10 if isinstance(value, str) and value:
            container[key] = text(rng, value)
        case 11 if isinstance(value, int | float) and not isinstance(value, bool):
            container[key] = rng.choice((-value, value + 1, value * 10**9, value * 10**40, float(value), str(value)))
        case _:
            container[key] = leaf(rng)


def _other_name(rng: Random, name: str) -> str:
    return rng.choice((name.upper(), name[:-1], name + "s", name[::-1], f" {name}", f"{name}\0", rng.choice(WORDS)))


def to_json(value: Any) -> str:
    """As json.dumps, with `Raw` as it stands and keys that come twice."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{to_json(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(to_json, value)) + "]"
    return json.dumps(value)


def to_toml(rng: Random, document: Any) -> str:
    """As a TOML file: lists of tables and tables below their own headings or inline, as `rng` decides."""
    if not isinstance(document, dict):
        return f"x = {_inline(document)}\n"
    head, body = [], []
    for key, value in document.items():
        tables = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
        if tables and rng.random() < 0.85:
            for one in value:
                body += [f"[[{_name(key)}]]", *(f"{_name(name)} = {_inline(what)}" for name, what in one.items()), ""]
        elif isinstance(value, dict) and rng.random() < 0.85:
            body += [f"[{_name(key)}]", *(f"{_name(name)} = {_inline(what)}" for name, what in value.items()), ""]
        else:
            head.append(f"{_name(key)} = {_inline(value)}")
    return "\n".join([*head, "", *body]) + "\n"


def _name(key: str) -> str:
    bare = key and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in key)
    return str(key) if bare else _quoted(key)


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_name(key)} = {_inline(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value is None else str(value)


# -- texts, lines, bytes ----------------------------------------------------------------------------------------------


def text(rng: Random, whole: str) -> str:
    """A text with a few characters lost, doubled, strange, or far more of them."""
    at = rng.randrange(len(whole) + 1)
    match rng.randrange(7):
        case 0:
            return whole[:at]
        case 1:
            return whole[:at] + rng.choice(CHARACTERS) + whole[at:]
        case 2:
            return whole[:at] + rng.choice(WORDS) + whole[at:]
        case 3:
            return whole * rng.choice((2, 10, 500))
        case 4:
            return whole[:at] + whole[at + rng.randrange(1, 8) :]
        case 5:
            return whole.swapcase()
        case _:
            return rng.choice((*NUMBERS, *SUFFIXED, *WORDS))


def lines(rng: Random, whole: str) -> str:
    """A text of lines with some of them lost, doubled, swapped, cut, or with other words and numbers in them."""
    found = whole.split("\n")
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        if not found:
            break
        at = rng.randrange(len(found))
        match rng.randrange(8):
            case 0:
                del found[at]
            case 1:
                found[at:at] = [found[at]] * rng.choice((1, 1, 5, 400))
            case 2:
                other = rng.randrange(len(found))
                found[at], found[other] = found[other], found[at]
            case 3:
                found[at] = text(rng, found[at])
            case 4:
                found.insert(at, rng.choice((*WORDS, *(f"{word} = {word}" for word in WORDS[:50]))))
            case 5:
                found = found[: at + 1]
            case _:
                found[at] = _other_word(rng, found[at])
    return "\n".join(found)


def _other_word(rng: Random, line: str) -> str:
    words = line.split(" ")
    at = rng.randrange(len(words))
    words[at] = rng.choice((rng.choice(NUMBERS), rng.choice(SUFFIXED), rng.choice(WORDS), text(rng, words[at])))
    return " ".join(words)


def data(rng: Random, whole: bytes) -> bytes:
    """Bytes cut, inserted, flipped, or in another encoding."""
    at = rng.randrange(len(whole) + 1)
    match rng.randrange(8):
        case 0:
            return whole[:at]
        case 1:
            return whole[:at] + rng.choice(BYTES) + whole[at:]
        case 2 if whole:
            at = min(at, len(whole) - 1)
            return whole[:at] + bytes([rng.randrange(256)]) + whole[at + 1 :]
        case 3:
            return b"\xef\xbb\xbf" + whole
        case 4:
            return whole.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"\0")))
        case 5:
            return whole.decode(errors="replace").encode(
                rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig"))
            )
        case 6:
            return whole[at:] + whole[:at]
        case _:
            end = at + rng.randrange(1, 64)
            return whole[:at] + whole[end:]


def encoded(rng: Random, whole: str) -> bytes:
    """A text as bytes: mostly UTF-8, in which a lone surrogate is what it is in files, now and then damaged."""
    plain = whole.encode(errors="surrogatepass")
    return data(rng, plain) if rng.random() < 0.15 else plain


def plain(value: Any) -> Any:
    """The values of Python that a mutated structure stands for, where no text is between."""
    if isinstance(value, Raw):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return str(value)
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value
