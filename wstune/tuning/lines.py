"""The lines of the journal: each record has its number and a checksum, so that one that is missing is seen. Pure.

A record is `{…, "seq": NUMBER, "sum": SUM}` on a line of ASCII. Numbers go up by one; SUM is the start of the SHA-256
of the record without it, its keys in order. Journals of wstune 0.1.0 have neither: there a hole shows where the acts
of a transaction do, or where a whole line cannot be read.

A line that a crash tore has no end, and begins no act: it is passed over, and the next record has its number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wstune.tuning.record_types import sound

Record = Mapping[str, Any]


class Lines(NamedTuple):
    """What the bytes of a journal hold.

    Attributes:
        records: those that can be read, oldest first.
        damaged: how many lines cannot be read; those that a crash tore are among them.
        holes: what is missing, in sentences, with the number of records before each.
        number: that of the next record.
        torn: bytes of a torn line at the end.
    """

    records: list[Record]
    damaged: int
    holes: list[tuple[int, str]]
    number: int
    torn: int


def sealed(record: Record, number: int) -> bytes:
    """The line of a record, with its end."""
    body = {**record, "seq": number}
    return _dumped({**body, "sum": _sum(body)}) + b"\n"


def read(data: bytes) -> Lines:
    """All that can be read, and what is missing. Raises nothing, whatever the bytes are."""
    records: list[Record] = []
    holes: list[tuple[int, str]] = []
    bad: list[bytes] = []
    damaged, number, numbered = 0, 1, False
    *whole, rest = data.split(b"\n")
    torn = bool(rest.strip()) and _decoded(rest) is None and not _has_an_end(rest)
    for raw in whole if torn else [*whole, rest]:
        if not raw.strip():
            continue
        record = _decoded(raw)
        ours = record is not None and ("seq" in record or "sum" in record)
        if record is None or (numbered and not ours) or (ours and not _is_whole(record, number)):
            bad.append(raw)
            damaged += 1
            continue
        if ours:
            if record["seq"] > number:
                holes.append((len(records), _missing(number, record["seq"] - 1, records, record)))
            numbered, number = True, record["seq"]
        elif any(_was_whole(line) for line in bad):
            holes.append((len(records), _missing(number, number + len(bad) - 1, records, record)))
        bad.clear()
        number += 1
        records.append(record)
    if bad:
        holes.append((len(records), _missing(number, number + len(bad) - 1, records, None)))
    return Lines(records, damaged + torn, holes, number + len(bad), len(rest) if torn else 0)


def orphans(records: Sequence[Record]) -> list[tuple[int, str]]:
    """What the records themselves show to be missing: acts without an intent, numbers left out, no beginning."""
    acts: dict[str, int] = {}
    found: list[tuple[int, str]] = []
    for at, record in enumerate(records):
        txn, what = record.get("txn"), record["type"]
        if txn is None or what not in ("begin", "intent", "done", "undone", "commit", "end"):
            continue
        if what == "begin":
            if txn in acts:
                found.append((at, f"transaction {txn} begins twice"))
            acts[txn] = 0
            continue
        if txn not in acts:
            found.append((at, f"the beginning of transaction {txn} is missing"))
            acts[txn] = 0
        last, number = acts[txn], record.get("n", 0)
        if what == "intent":
            if number <= last:
                found.append((at, f"act {number} of transaction {txn} is told twice"))
            elif number > last + 1:
                found.append(
                    (at, f"{_acts(last + 1, number - 1)} of transaction {txn} {_is(last + 1, number - 1)} missing")
                )
            acts[txn] = max(last, number)
        elif number > last:
            found.append((at, f"{_acts(last + 1, number)} of transaction {txn} {_is(last + 1, number)} missing"))
            acts[txn] = number
    return found


def unacknowledged(records: Sequence[Record], holes: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """The holes of which nobody has said yet that he knows them (`rollback --abandon`)."""
    known = max((at for at, record in enumerate(records) if record["type"] == "acknowledge"), default=-1)
    return tuple(dict.fromkeys(words for at, words in sorted(holes, key=lambda hole: hole[0]) if at > known))


def _missing(first: int, last: int, records: Sequence[Record], after: Record | None) -> str:
    """`record 5 cannot be read: it comes after act 2 of transaction 1, and before act 3 of transaction 1`."""
    numbers = f"record {first}" if first == last else f"records {first} to {last}"
    around = [
        f"{word} {_told(record)}"
        for word, record in (("after", records[-1] if records else None), ("before", after))
        if record
    ]
    return f"{numbers} cannot be read" + (f" ({', '.join(around)})" if around else "")


def _told(record: Record) -> str:
    act = f"act {record['n']} of " if "n" in record else ""
    return f"{act}transaction {record['txn']}" if "txn" in record else f"a record of type {record['type']}"


def _acts(first: int, last: int) -> str:
    return f"act {first}" if first == last else f"acts {first} to {last}"


def _is(first: int, last: int) -> str:
    return "is" if first == last else "are"


def _decoded(raw: bytes) -> Record | None:
    """A record whose fields are sound, or None."""
    try:
        record = json.loads(raw.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and sound(record) else None


def _has_an_end(raw: bytes) -> bool:
    """Whether a line without its end is more than the beginning of a record: a whole one, and something behind it."""
    try:
        json.JSONDecoder().raw_decode(raw.decode("ascii"))
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        pass
    return True


def _was_whole(raw: bytes) -> bool:
    """Whether a line that cannot be read, of a journal without numbers, was a record: what a crash tears has no }."""
    return raw.rstrip().endswith(b"}")


def _is_whole(record: Record, number: int) -> bool:
    """Whether a numbered record is what was written, and not one that there was already."""
    seq = record.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not number <= seq < 1 << 62:
        return False
    body = {name: value for name, value in record.items() if name != "sum"}
    return record.get("sum") == _sum(body)


def _sum(body: Record) -> str:
    return hashlib.sha256(_dumped(dict(sorted(body.items())))).hexdigest()[:16]


def _dumped(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode("ascii")
