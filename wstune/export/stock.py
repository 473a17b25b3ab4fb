"""What a kernel that nobody has touched has by itself: against this a file that cannot compare is written.

Each default lies between two bounds: kernels and distributions differ, and not all memory is there when it is worked
out. A demand that the lower bound meets needs no line; a line that is needed keeps what is better in the upper one.
"""

from __future__ import annotations

from wstune.tunable import Size
from wstune.tunables import CATALOGUE, stock
from wstune.values import Value, parse


def least(ram_bytes: int, page_size: int) -> dict[str, Value]:
    """The defaults of a kernel without systemd, of a machine of which a seventh of memory is taken early."""
    return _defaults(Size(ram_bytes * 6 // 7, page_size))


def most(ram_bytes: int, page_size: int) -> dict[str, Value]:
    """The largest that such a machine may have by itself."""
    raised = {row.name: parse(row.kind, row.stock_at_boot) for row in CATALOGUE.values() if row.stock_at_boot}
    return _defaults(Size(ram_bytes, page_size)) | raised


def _defaults(size: Size) -> dict[str, Value]:
    found = ((name, stock(row, size)) for name, row in CATALOGUE.items())
    return {name: value for name, value in found if value is not None}
